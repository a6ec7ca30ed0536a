"""Names of rhyme classes as people say them: 陽, 下平七陽, 阳韵, or a final of pinyin, ang."""

from __future__ import annotations

import re
import unicodedata

from ....errors import listed
from ....i18n import _
from .shi import RHYMES, TONE, TONE_NAMES

_LEVEL = RHYMES["平"]
_BOOKS = {
    "上平": _LEVEL[:15],
    "下平": _LEVEL[15:],
    **{tone: names for tone, names in RHYMES.items() if tone != "平"},
}
"""The books of 平水韻, each with its classes in order: a class is named by its number, too."""
_NAME = re.compile("(上平|下平|平|上|去|入)?[聲声]?([一二三四五六七八九十]+|[0-9]+)?(.)[韻韵部]?")
_DIGITS = {char: n for n, char in enumerate("零一二三四五六七八九")}
# Class names in other spellings, simplified characters among them, and 琰, as many books have 儉.
_SPELLINGS = dict(
    zip(
        "东鱼齐删萧阳盐肿讲语荠贿轸铣养俭豏宋绛御霁队问愿谏啸号个個祃径艳艷豔质觉药锡职缉叶琰眞马纸寝筱筿",
        "東魚齊刪蕭陽鹽腫講語薺賄軫銑養儉豏宋絳御霽隊問願諫嘯號箇箇禡徑豔豔豔質覺藥錫職緝葉儉真馬紙寢篠篠",
        strict=True,
    )
)

# By final, whatever glide stands before it, the classes of which at least a quarter of the
# characters that end even verses of the corpus have it in Mandarin; level classes first.
FINALS = {
    "a ia ua": "佳麻馬禡黠合洽",
    "e o uo": "歌哿馬箇覺曷藥陌職葉",
    "ie ue ve üe": "蟹月屑葉",
    "ai uai": "佳灰蟹賄泰卦隊",
    "ei ui uei": "微灰尾賄寘未泰隊",
    "ao iao": "蕭肴豪篠巧皓嘯效號",
    "ou iu iou": "尤有宥",
    "an ian uan van üan": "元寒刪先覃鹽咸阮旱潸銑感儉豏願翰諫霰勘豔陷",
    "en in un uen vn ün": "真文元侵軫吻阮寢震問願沁",
    "ang iang uang": "江陽講養絳漾",
    "eng ing ueng": "庚青蒸梗迥送敬徑",
    "ong iong": "東冬董腫送宋絳",
    "i": "支微齊紙薺寘未霽質錫職緝陌",
    "u ü v": "魚虞語麌御遇屋沃物",
    "er": "支紙寘",
}
_EXAMPLES = """
東空kōng,風fēng 冬松sōng,龍lóng 江窗chuāng,雙shuāng 支時shí,枝zhī 微飛fēi,衣yī
魚書shū,居jū 虞湖hú,珠zhū 齊西xī,啼tí 佳街jiē,懷huái 灰來lái,開kāi 真人rén,春chūn
文雲yún,君jūn 元門mén,言yán 寒殘cán,歡huān 刪山shān,間jiān 先天tiān,年nián 蕭橋qiáo,遙yáo
肴郊jiāo,梢shāo 豪高gāo,濤tāo 歌波bō,多duō 麻花huā,家jiā 陽長cháng,香xiāng
庚情qíng,聲shēng 青星xīng,亭tíng 蒸燈dēng,冰bīng 尤秋qiū,樓lóu 侵心xīn,深shēn 覃南nán,潭tán
鹽簾lián,纖xiān 咸帆fān,衫shān 董孔kǒng,動dòng 腫勇yǒng,寵chǒng 講講jiǎng,港gǎng
紙紫zǐ,水shuǐ 尾鬼guǐ,葦wěi 語女nǚ,渚zhǔ 麌雨yǔ,古gǔ 薺底dǐ,洗xǐ 蟹買mǎi,解jiě
賄海hǎi,彩cǎi 軫盡jìn,忍rěn 吻粉fěn,隱yǐn 阮遠yuǎn,晚wǎn 旱滿mǎn,暖nuǎn 潸眼yǎn,產chǎn
銑淺qiǎn,展zhǎn 篠鳥niǎo,小xiǎo 巧巧qiǎo,飽bǎo 皓草cǎo,道dào 哿火huǒ,我wǒ 馬下xià,野yě
養想xiǎng,往wǎng 梗影yǐng,冷lěng 迥頂dǐng,醒xǐng 有酒jiǔ,柳liǔ 寢錦jǐn,枕zhěn
感感gǎn,覽lǎn 儉點diǎn,掩yǎn 豏減jiǎn,範fàn 送夢mèng,鳳fèng 宋用yòng,頌sòng 絳巷xiàng,降jiàng
寘淚lèi,翠cuì 未氣qì,味wèi 御去qù,絮xù 遇路lù,樹shù 霽細xì,世shì 泰外wài,帶dài 卦畫huà,掛guà
隊背bèi,愛ài 震信xìn,鬢bìn 問問wèn,韻yùn 願恨hèn,萬wàn 翰岸àn,散sàn 諫雁yàn,澗jiàn 霰面miàn,見jiàn
嘯照zhào,笑xiào 效棹zhào,孝xiào 號到dào,帽mào 箇過guò,臥wò 禡夜yè,謝xiè 漾上shàng,望wàng
敬鏡jìng,映yìng 徑定dìng,磬qìng 宥舊jiù,袖xiù 沁浸jìn,蔭yìn 勘暗àn,憾hàn 豔念niàn,劍jiàn
陷鑑jiàn,懺chàn 屋竹zhú,木mù 沃綠lǜ,玉yù 覺角jiǎo,學xué 質日rì,筆bǐ 物物wù,拂fú 月月yuè,髮fà
曷闊kuò,達dá 黠八bā,拔bá 屑雪xuě,別bié 藥落luò,鶴hè 陌白bái,客kè 錫歷lì,寂jì 職色sè,北běi
緝急jí,濕shī 合合hé,臘là 葉葉yè,蝶dié 洽甲jiǎ,法fǎ
"""
EXAMPLES = {
    entry[0]: tuple(f"{example[0]} {example[1:]}" for example in entry[1:].split(","))
    for entry in _EXAMPLES.split()
}
"""By class, two characters that end in it, each with how Mandarin says it."""
_BY_FINAL = {final: classes for finals, classes in FINALS.items() for final in finals.split()}
_MARKS = re.compile("[\u0300-\u0307\u0309-\u036f-]")  # of tones; ü keeps its own


def rhyme_classes(name: str) -> str:
    """The classes that a name stands for; none where it is the name of none.

    A number has to be the one that the class has: 七陽 is 陽 of 下平, 八陽 none.
    """
    text = unicodedata.normalize("NFKD", name.strip().casefold())
    if found := _BY_FINAL.get(unicodedata.normalize("NFC", _MARKS.sub("", text))):
        return found
    match = _NAME.fullmatch(unicodedata.normalize("NFKC", name.strip()))
    if match is None:
        return ""
    book, number, char = match[1] or "", match[2], _SPELLINGS.get(match[3], match[3])
    for title, names in _BOOKS.items():
        if char in names and (not book or book in title):
            return char if not number or names.index(char) + 1 == _number(number) else ""
    return ""


def class_words(name: str) -> str:
    """What a menu says of a class: 七陽 (level: 長 cháng, 香 xiāng)."""
    names = next(names for names in _BOOKS.values() if name in names)
    tens, ones = divmod(names.index(name) + 1, 10)
    number = ["", "十", "二十", "三十"][tens] + ["", *"一二三四五六七八九"][ones]
    return _(
        "{rhyme} ({tone}: {examples})",
        rhyme=number + name,
        tone=_(TONE_NAMES[TONE[name]]),
        examples=listed(EXAMPLES[name]),
    )


def _number(text: str) -> int:
    """十七 and 17 as 17."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (_DIGITS.get(tens, 1) if ten else 0) * 10 + _DIGITS.get(ones, 0)
