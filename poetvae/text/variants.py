"""Simplified and traditional characters, by OpenCC, and the one spelling of a character in verse.

One simplified character may stand for several traditional ones, 发 for 發 and 髮, and for itself:
里 is 裏 simplified, and a character of its own. The script of a text is told by characters that
the other one does not have, 东 or 東: the more of them, the surer; without any it is as it stands.

Within the traditional script one word may be written in several ways, 峯 or 峰. Of those that mean
and sound the same everywhere `SPELLINGS` names one.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import repeat
from typing import Literal, Protocol

from .form import is_han
from .prosody import readings

# The Han characters of poem.HAN, without compatibility forms, which no cleaned text has.
_HAN = (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0x20000, 0x2F800))

SPELLINGS = """
    為爲 峰峯 床牀 群羣 眾衆 裏裡 啟啓 秘祕 唇脣 線綫 韻韵 粽糉 涼凉 帶带 黃黄 臥卧 個箇个 淒凄
    淨净浄 況况 決决 沒没 強强 爭争 靜静 換换 喚唤 卻却 腳脚 淚泪 蹤踪 著着 煙烟 跡迹 棲栖 恆恒
    嘆歎 憑凭 癡痴 妒妬 糧粮 詠咏 掛挂 牆墻 攜携擕 搖摇揺 瑤瑶 橫横 脫脱 內内 吳吴 別别 溫温 冊册
    虛虚 顏顔 產産 戶户戸 說説 絕絶 錄録 綠緑 鄉鄕 青靑 清淸 教敎 真眞 值値 鎮鎭 德徳 步歩 每毎
    尚尙 黑黒 既旣 冰氷 歲歳嵗 歷歴 飲飮 研硏 閱閲 插揷 戲戯戱 隱隠 邊邉 雞鷄 鵝鵞 雁鴈 鶯鸎 鴉鵶
    鳧鳬 猿猨 豬猪 貓猫 蛇虵 駝駞 楠柟 柏栢 梅楳 柳栁 草艸 蔥葱 筍笋 蕊蘂 萼蕚 窗窓窻牕 杯盃 樽罇
    碗盌椀 盞琖 瓶缾 妝粧 簷檐 竈灶 鉤鈎 庵菴 館舘 階堦 堤隄 村邨 砧碪 劍劒劔 棋棊碁 箋牋 氈氊
    裙裠 鞍鞌 回囘 迴廻 餐飡 慚慙 遍徧 耽躭 略畧 珍珎 飆飇 撐撑 艷豔艶 鬥鬭鬬 翻飜 溪谿 皋皐臯
    疏疎 敘叙敍 峨峩 怪恠 蓋盖葢 脈脉 闊濶 鎖鎻 鄰隣 酬酧 驅駈 驗騐 鬢鬂 衛衞 睹覩 軟輭 遁遯 礙碍
    繡綉 款欵 胸胷 總緫摠 野埜 罵駡 潛潜濳 並竝 答荅 蘇蘓 覓覔 豎竪 輒輙 銜啣衘 鬧閙 婿壻 懶嬾
    廁厠 往徃 恥耻 悅悦 拋抛 掃埽 暖煖 歡懽 濕溼 疊叠 盜盗 綿緜 耕畊 貌皃 趨趍 鐵銕 隙隟 頹頽 顛顚
    鬱欝鬰 梁樑 晉晋 遙遥 荊荆 袞衮 宮宫 廚厨 茲兹 麼麽 虯虬 污汙 繞遶 髮髪 卮巵 高髙 餅餠 壟壠
    寬寛 匆怱 箸筯 鐫鎸 鳳鳯 楫檝 醞醖 偽僞 漱潄 誤悞 朵朶 殼殻 羹羮 迥逈 佇竚 羈覊羇 鱉鼈 薰薫
    樣様 麴麯 讎讐 叫呌 蠹蠧 纏纒 懷懐 斲斵 驢馿 旆斾 賴頼 仙僊 蝶蜨 澀澁 憩憇 蟹蠏 甕瓮 襪韈 蓑簑
    鰲鼇 徑逕 效効 凡凢 嘗甞 寇冦 棄弃 沖冲 冤寃 勳勛 妍姸 敕勅 畫畵 腸膓 謠謡 關関 鼓皷 睿叡 糠穅
    皓皜 器噐 囊嚢 垂埀 收収 歌謌 留畱 窺闚 耀燿 臘臈 銳鋭
"""
"""Ways to write one word, the one that is kept first: that of the standards of Taiwan and Hong Kong
(為, 峰, 床, 群), as books of verse have it today; where the two differ the commoner one; 竈, since
the 廣韻 gives the sound of that. Pairs that may differ in meaning or sound are left alone: 雲 云,
後 后, 里 裏, 遊 游, 閒 間, 沈 沉, 喫 吃, 岩 巖. In a traditional text characters that are only
simplified, as 来, go the same way, to 來."""

# A terrace is 臺. The stars 三台, for the highest offices, and the mountain 天台 keep their own 台.
_TERRACE = re.compile("(?<![天三])台(?![州星輔鼎衡司嶽岳])")


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@cache
def _converter(config: Literal["s2t", "t2s"]) -> _Converter:
    # OpenCC takes a path as well, so that nothing that somebody typed may come here.
    from opencc import OpenCC

    converter: _Converter = OpenCC(config)
    return converter


def _by_char(text: str, config: Literal["s2t", "t2s"]) -> str:
    """Each character alone: a line each, so that no phrase is seen."""
    return _converter(config).convert("\n".join(text))[::2]


@cache
def _table() -> dict[str, frozenset[str]]:
    """The traditional characters that each simplified one stands for, itself left out."""
    text = "".join(map(chr, _HAN))
    long_of = zip(_by_char(text, "t2s"), text, strict=True)
    of_short = zip(text, _by_char(text, "s2t"), strict=True)
    table: dict[str, set[str]] = {}
    for short, long in (*long_of, *of_short):
        if short != long:
            table.setdefault(short, set()).add(long)
    return {char: frozenset(longs) for char, longs in table.items()}


@cache
def _kept() -> dict[str, str]:
    """The spelling that is kept of each character that `SPELLINGS` has another one for."""
    return {char: group[0] for group in SPELLINGS.split() for char in group[1:]}


@cache
def spellings() -> dict[int, str]:
    """For `str.translate`: the spelling that is kept of each character that has another one, and
    the traditional one of what is only simplified."""
    short = "".join(filter(only_simplified, _table()))
    pairs = {**dict(zip(short, _by_char(short, "s2t"), strict=True)), **_kept()}
    twice = ((char, pairs.get(other, other)) for char, other in pairs.items())
    return {ord(char): pairs.get(other, other) for char, other in twice}


@cache
def _tells() -> dict[str, int]:
    """1 for characters that only simplified text has, -1 for those that only traditional has."""
    longs = frozenset[str]().union(*_table().values())
    told = {c: -1 for c in longs if not only_simplified(c)}
    return told | {c: 1 for c in _table() if only_simplified(c) and c not in _kept()}


def only_simplified(char: str) -> bool:
    """Whether a character is the simplified form of others and none of the 廣韻 itself."""
    return is_han(char) and not readings(char, simplified=False) and char in _table()


def traditional_variants(char: str) -> frozenset[str]:
    """All traditional characters that one may stand for where text is simplified.

    With itself where it is one, as the 廣韻 has it: 发 is 發 or 髮, 里 is 裏, 裡 or 里, 國 is 國.
    """
    if not is_han(char):
        return frozenset((char,))
    itself = frozenset() if only_simplified(char) else frozenset((char,))
    return _table().get(char, frozenset()) | itself


def script(text: str) -> int:
    """How many more of the characters of a text only simplified text has than only traditional."""
    return sum(map(_tells().get, text, repeat(0)))


def is_simplified(text: str) -> bool:
    """Whether more of its characters are only simplified than only traditional."""
    return script(text) > 0


def to_simplified(text: str) -> str:
    """The text in simplified characters."""
    return _converter("t2s").convert(text)


def to_traditional(text: str) -> str:
    """The text in traditional characters; as it is where nothing tells that it is simplified. Where
    a character stands for several the words around it decide, and the commonest one where they do
    not: `traditional_variants` has them all."""
    return _converter("s2t").convert(text) if is_simplified(text) else text


def respelled(text: str) -> str:
    """A text of traditional characters in the one spelling of each."""
    return _TERRACE.sub("臺", text.translate(spellings()))


def standard(text: str) -> str:
    """The same where a text is in traditional characters, as it tells; any other as it is."""
    other = respelled(text)
    return other if other != text and script(text) < 0 else text
