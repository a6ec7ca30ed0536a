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
MERGED = {
    "平": "東 冬鍾 江 支脂之 微 魚 虞模 齊 佳皆 灰咍 真諄臻 文欣 元魂痕 寒桓 刪山 "
    "先仙 蕭宵 肴 豪 歌戈 麻 陽唐 庚耕清 青 蒸登 尤侯幽 侵 覃談 鹽添嚴 咸銜凡",
    "上": "董 腫 講 紙旨止 尾 語 麌姥 薺 蟹駭 賄海 軫準 吻隱 阮混很 旱緩 潸產 "
    "銑獮 篠小 巧 晧 哿果 馬 養蕩 梗耿靜 迥拯等 有厚黝 寑 感敢 琰忝儼 豏檻范",
    "去": "送 宋用 絳 寘至志 未 御 遇暮 霽祭 泰 卦怪夬 隊代廢 震稕 問焮 願慁恨 翰換 諫襇 "
    "霰線 嘯笑 效 号 箇過 禡 漾宕 映諍勁 徑證嶝 宥候幼 沁 勘闞 豔㮇釅 陷鑑梵",
    "入": "屋 沃燭 覺 質術櫛 物迄 月沒 曷末 黠鎋 屑薛 藥鐸 陌麥昔 錫 職德 緝 合盍 葉怗業 洽狎乏",
}

# A character of today's print, and the character under which the 廣韻 has it.
VARIANTS = """
峰峯 窗窻 間閒 魂䰟 衆眾 茲兹 荆荊 劍劒 鞍鞌 斾旆 幷并 聯聮 皓晧 臯皋 韓𩏑 廻迴 脈脉 崑崐 髪髮
裙帬 迤迆 胸胷 煮䰞 隣鄰 剎刹 樣㨾 崙崘 呌叫 匝帀 湧涌 髭頿 鏁鎖 逈迥 煉鍊 拆坼 秘祕 讐讎
玳瑇 衮袞 棋棊 緲渺 敎教 粧妝 琉瑠 栢柏 恒恆 熳漫 葱蔥 虬虯 秖祇 趂趁 耻恥 槁槀 歘欻 姹奼 飡餐
鶒鷘 托託 冪羃 峩峨 污汙 徴徵 暌睽 罕䍐 蝴胡 撐橕 撑橕 舃舄 鈎鉤 衞衛 穉稺 麽麼 皂皁 怱悤
郄郤 毘毗 畧略 殼㱿 殻㱿 祛袪 輙輒 踪蹤 肇肈 孽㜸 壖堧 湼涅 廐廏 廄廏 搗擣 蕚萼 轝輿 磵澗
駡罵 搘支 岩巖 嵓巖 腮顋 裊嫋 嬝嫋 强強 恡吝 蒂蔕 冗宂 恓棲 尅剋 徭傜 婀妸 灧灩 敧攲 蘗檗 拽曳
咒呪 啟啓 稿稾 藳稾 緡緍 踴踊 蚋蜹 頳赬 隟隙 斵斲 撃擊 柿柹 飱飧 鳯鳳 扼搤 羗羌 冲沖 遥遙 糵櫱
蘖櫱 壟壠 蟇蟆 陁陀 嗅齅 臙胭 頴穎 麄麤 虱蝨 餳𩛿 争爭 翺翱 翶翱 嘿默 倐倏 静靜 覊羈 倂併 嚙齧
囓齧 勗勖 揶邪 琊邪 刼劫 刦劫 濶闊 敍敘 亘亙 氊氈 崪崒 簑蓑 潨潀 駈驅 緫總 惣總 沍冱 嶄巉 鱉鼈
群羣 磚甎 塼甎 啣銜 躭耽 罡剛 溆漵 糺糾 冏囧 奩匳 箆篦 嘴觜 悮誤 飈飆 藴蘊 笻筇 葅菹 餙飾 畊耕
髠髡 狥徇 覷覰 覔覓 踈疏 橤蘂 蕋蘂 墖塔 橛蹶 匆悤 儘盡 憇憩 麯麴 粤粵 䆗窅 絏紲 埜野 簴虡 醖醞
絶絕 蹰躕 抝拗 蒭芻 婿壻 餵餧 么幺 瑙碯 卨偰 廼乃 泪淚 顚顛 嵗歲 蒞莅 徃往 阨阸 螂蜋 齠髫 樑梁
隲騭 騘驄 鬭鬪 裡裏 唤喚 潄漱 粃秕 薫薰 虀齏 韲齏 韵韻 吊弔 鞲韝 卧臥 勌倦 挍校 剏創 寃冤 騞砉
馀餘 碗椀 逓遞 黄黃 嘷嗥 縧絛 茘荔 换換 慿憑 擕攜 竃竈 栧枻 箎篪 糢模 厠廁 匄丐 慤愨 輼轀 酧酬
吚伊 痺痹 繍繡 緑綠 絚緪 皈歸 盗盜 槩概 颜顏 謩謨 筓笄 幙幕 凑湊 蔲蔻 戞戛 頽穨 宫宮 熖燄 髩鬢
墙牆 壥廛 厨廚 溈潙 繿襤 裩褌 棕椶 摹摸 爺耶
"""

# Characters that came later, with the classes of their readings in verse after the 集韻 (1039).
LATER = """
瀟蕭 烹庚 享養 鶺陌 淘豪 嫦陽 姮蒸 婷青 你紙 倘養 潑曷 濾御 撒曷 賺陷 玫灰 焙隊 葡虞 娼陽 撇屑
劚沃 撾麻 蠨蕭 噀願 晰錫 臟漾 樗魚 鷀支 鷥支 嶤蕭 鶗齊 颶遇 薝鹽 匼合 窩歌 軛陌 幛漾 搬寒 塌合
做箇遇 瘟元 晌養 瑪馬 漩先 朣東 胚灰 滾阮 褪願 璈豪 簌屋 倆養 惝養 鸊錫 唼洽合 澘潸刪
着藥 勾尤宥 縲支 耗號 榕冬 艓葉 菂錫 觫屋 嫜陽 砆虞 皞皓 籯庚 幈青 糯箇
"""


def merged() -> dict[str, tuple[str, str]]:
    """The tone and the class that each rhyme of the 廣韻 belongs to."""
    return {
        rhyme: (tone, name)
        for tone, groups in MERGED.items()
        for name, group in zip(RHYMES[tone], groups.split(), strict=True)
        for rhyme in group
    }


def guangyun() -> dict[str, set[str]]:
    """The classes of the readings of each character in the 廣韻.

    Some fifteen readings stand under a rhyme of another tone, by a slip of the book or of the
    data: they are left out.
    """
    data: Any = import_module("tshet_uinh").資料
    classes = merged()
    found: dict[str, set[str]] = {}
    for position in data.iter音韻地位():
        for entry in data.query音韻地位(position):
            tone, name = classes[entry.來源.韻目]
            if tone == position.聲:
                found.setdefault(entry.字頭, set()).add(name)
    return found


def with_variants(book: dict[str, set[str]]) -> dict[str, set[str]]:
    """The characters of the 廣韻 with those of today's print."""
    later = {item[0]: set(item[1:]) for item in LATER.split()}
    variants = {pair[0]: book[pair[1]] for pair in VARIANTS.split()}
    if superfluous := book.keys() & (later.keys() | variants.keys()):
        sys.exit(f"the 廣韻 has these as they are: {' '.join(sorted(superfluous))}")
    return book | variants | later


def simplified(own: dict[str, set[str]]) -> dict[str, set[str]]:
    """The classes that characters have besides their own, because they stand for others.

    OpenCC gives one candidate for each way; the way back from every traditional character gives
    the others: 发 for 發 and 髮. Japanese forms count where a character has no other reading, since
    many of them are classical characters of their own, such as 芸.
    """
    opencc: Any = import_module("opencc")
    han = [chr(code) for code in (*range(0x3400, 0xA000), *range(0x20000, 0x323B0))]
    found: dict[str, set[str]] = {}

    def convert(config: str, backward: bool = False) -> None:
        converter = opencc.OpenCC(config)
        for char in han:
            other = converter.convert(char)
            short, long = (other, char) if backward else (char, other)
            if short != long and long in own:
                found.setdefault(short, set()).update(own[long])

    convert("t2s", backward=True)
    convert("s2t")
    han = [char for char in han if char not in own and char not in found]
    for config in ("jp2t", "tw2t", "hk2t"):
        convert(config)
    return {char: more for char, names in found.items() if (more := names - own.get(char, set()))}


def main() -> None:
    """Writes the table."""
    own = with_variants(guangyun())
    also = simplified(own)
    order = "".join(RHYMES.values())
    parts = [
        {char: "".join(sorted(v, key=order.index)) for char, v in d.items()} for d in (own, also)
    ]
    lines = [
        "\t".join((char, *(part.get(char, "") for part in parts))).rstrip()
        for char in sorted(own | also)
    ]
    TABLE.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
