"""Writes poetvae/text/prosody/chinese.tsv: the readings of characters in the classes of rhyme.

    pip install tshet-uinh opencc
    python scripts/make_prosody_table.py

The readings are those of the 廣韻 (1008) as nk2028's tshet-uinh has them; its 206 rhymes are
merged into the 106 classes of 平水韻, by which poets rhymed. The 廣韻 writes many characters
otherwise than print does today, and lacks a few that came later: both are listed here, checked by
hand. OpenCC says which characters a simplified one stands for.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

from poetvae.text.prosody import RHYMES

TABLE = Path(__file__).parents[1] / "poetvae" / "text" / "prosody" / "chinese.tsv"

HEADER = """\
# The readings of characters, as rhyme classes of 平水韻; see poetvae/text/prosody.py.
# Written by scripts/make_prosody_table.py from the 廣韻 data of nk2028's tshet-uinh (MIT licence),
# with variants and simplified characters added.
# character, tab, its own readings; tab, readings of other characters for which it stands where
# text is simplified
"""

# The rhymes of the 廣韻 that each class is made of, in the order of the classes in `RHYMES`.
MERGED = """
東 冬鍾 江 支脂之 微 魚 虞模 齊 佳皆 灰咍 真諄臻 文欣 元魂痕 寒桓 刪山 先仙 蕭宵 肴 豪 歌戈 麻 陽唐
庚耕清 青 蒸登 尤侯幽 侵 覃談 鹽添嚴 咸銜凡 董 腫 講 紙旨止 尾 語 麌姥 薺 蟹駭 賄海 軫準 吻隱 阮混很
旱緩 潸產 銑獮 篠小 巧 晧 哿果 馬 養蕩 梗耿靜 迥拯等 有厚黝 寑 感敢 琰忝儼 豏檻范 送 宋用 絳 寘至志
未 御 遇暮 霽祭 泰 卦怪夬 隊代廢 震稕 問焮 願慁恨 翰換 諫襇 霰線 嘯笑 效 号 箇過 禡 漾宕 映諍勁
徑證嶝 宥候幼 沁 勘闞 豔㮇釅 陷鑑梵 屋 沃燭 覺 質術櫛 物迄 月沒 曷末 黠鎋 屑薛 藥鐸 陌麥昔 錫 職德
緝 合盍 葉怗業 洽狎乏
"""

# Characters of today's print, each before the one under which the 廣韻 has it.
VARIANTS = """
峰峯窗窻間閒魂䰟衆眾茲兹荆荊劍劒 鞍鞌斾旆幷并聯聮皓晧臯皋韓𩏑廻迴 脈脉崑崐髪髮裙帬迤迆胸胷煮䰞隣鄰
剎刹樣㨾崙崘呌叫匝帀湧涌髭頿鏁鎖 逈迥煉鍊拆坼秘祕讐讎玳瑇衮袞棋棊 緲渺敎教粧妝琉瑠栢柏恒恆熳漫葱蔥
虬虯秖祇趂趁耻恥槁槀歘欻姹奼飡餐 鶒鷘托託冪羃峩峨污汙徴徵暌睽罕䍐 蝴胡撐橕撑橕舃舄鈎鉤衞衛穉稺麽麼
皂皁怱悤郄郤毘毗畧略殼㱿殻㱿祛袪 輙輒踪蹤肇肈孽㜸壖堧湼涅廐廏廄廏 搗擣蕚萼轝輿磵澗駡罵搘支岩巖嵓巖
腮顋裊嫋嬝嫋强強恡吝蒂蔕冗宂恓棲 尅剋徭傜婀妸灧灩敧攲蘗檗拽曳咒呪 啟啓稿稾藳稾緡緍踴踊蚋蜹頳赬隟隙
斵斲撃擊柿柹飱飧鳯鳳扼搤羗羌冲沖 遥遙糵櫱蘖櫱壟壠蟇蟆陁陀嗅齅臙胭 頴穎麄麤虱蝨餳𩛿争爭翺翱翶翱嘿默
倐倏静靜覊羈倂併嚙齧囓齧勗勖揶邪 琊邪刼劫刦劫濶闊敍敘亘亙氊氈崪崒 簑蓑潨潀駈驅緫總惣總沍冱嶄巉鱉鼈
群羣磚甎塼甎啣銜躭耽罡剛溆漵糺糾 冏囧奩匳箆篦嘴觜悮誤飈飆藴蘊笻筇 葅菹餙飾畊耕髠髡狥徇覷覰覔覓踈疏
橤蘂蕋蘂墖塔橛蹶匆悤儘盡憇憩麯麴 粤粵䆗窅絏紲埜野簴虡醖醞絶絕蹰躕 抝拗蒭芻婿壻餵餧么幺瑙碯卨偰廼乃
泪淚顚顛嵗歲蒞莅徃往阨阸螂蜋齠髫 樑梁隲騭騘驄鬭鬪裡裏唤喚潄漱粃秕 薫薰虀齏韲齏韵韻吊弔鞲韝卧臥勌倦
挍校剏創寃冤騞砉馀餘碗椀逓遞黄黃 嘷嗥縧絛茘荔换換慿憑擕攜竃竈栧枻 箎篪糢模厠廁匄丐慤愨輼轀酧酬吚伊
痺痹繍繡緑綠絚緪皈歸盗盜槩概颜顏 謩謨筓笄幙幕凑湊蔲蔻戞戛頽穨宫宮 熖燄髩鬢墙牆壥廛厨廚溈潙繿襤裩褌
棕椶摹摸爺耶
"""

# Classes, each before characters that came later, by their readings in the 集韻 (1039).
LATER = """
蕭瀟蠨嶤 庚烹籯 養享倘晌倆惝 陌鶺軛 豪淘璈 陽嫦娼嫜 蒸姮 青婷幈 紙你 曷潑撒 御濾 陷賺 灰玫胚 隊焙
虞葡砆 屑撇 沃劚 麻撾 願噀褪 錫晰鸊菂 漾臟幛 魚樗 支鷀鷥縲 齊鶗 遇颶做 鹽薝 合匼塌唼 歌窩 寒搬
箇做糯 元瘟 馬瑪 先漩 東朣 阮滾 屋簌觫 洽唼 潸澘 刪澘 藥着 尤勾 宥勾 號耗 冬榕 葉艓 皓皞
"""


def guangyun() -> dict[str, set[str]]:
    """The classes of the readings of each character in the 廣韻.

    Some fifteen readings stand under a rhyme of another tone, by a slip of the book or of the
    data: they are left out.
    """
    data: Any = import_module("tshet_uinh").資料
    classes = [(tone, name) for tone, names in RHYMES.items() for name in names]
    merged = {x: one for one, group in zip(classes, MERGED.split(), strict=True) for x in group}
    found: dict[str, set[str]] = defaultdict(set)
    for position in data.iter音韻地位():
        for entry in data.query音韻地位(position):
            tone, name = merged[entry.來源.韻目]
            if tone == position.聲:
                found[entry.字頭].add(name)
    return found


def with_variants(book: dict[str, set[str]]) -> dict[str, set[str]]:
    """The characters of the 廣韻 with those of today's print."""
    pairs, more = "".join(VARIANTS.split()), defaultdict(set)
    for now, then in zip(pairs[::2], pairs[1::2], strict=True):
        more[now] = book[then]
    for group in LATER.split():
        for char in group[1:]:
            more[char].add(group[0])
    if superfluous := book.keys() & more.keys():
        sys.exit(f"the 廣韻 has these as they are: {' '.join(sorted(superfluous))}")
    return book | more


def simplified(own: dict[str, set[str]]) -> dict[str, set[str]]:
    """The classes that characters have besides their own, because they stand for others.

    OpenCC gives one candidate for each way; the way back from every traditional character gives
    the others: 发 for 發 and 髮. Japanese forms count where a character has no other reading, since
    many of them are classical characters of their own, such as 芸.
    """
    opencc: Any = import_module("opencc")
    han = [chr(code) for code in (*range(0x3400, 0xA000), *range(0x20000, 0x323B0))]
    found: dict[str, set[str]] = defaultdict(set)
    for config in ("t2s", "s2t", "jp2t", "tw2t", "hk2t"):
        if config == "jp2t":
            han = [char for char in han if char not in own and char not in found]
        converter = opencc.OpenCC(config)
        for char in han:
            short, long = char, converter.convert(char)
            if config == "t2s":
                short, long = long, short
            if short != long and long in own:
                found[short] |= own[long]
    return {char: more for char, names in found.items() if (more := names - own.get(char, set()))}


def main() -> None:
    """Writes the table."""
    own, order = with_variants(guangyun()), "".join(RHYMES.values())
    also, lines = simplified(own), [HEADER]
    for char in sorted(own | also):
        columns = ("".join(sorted(part.get(char, ""), key=order.index)) for part in (own, also))
        lines.append("\t".join([char, *columns]).rstrip() + "\n")
    TABLE.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
