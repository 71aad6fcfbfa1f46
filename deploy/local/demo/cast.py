"""Who plays in the demo beside the people of the showpieces: our own, the sellers, and names to choose from."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

ADMIN = "admin@example.com"


class Colleague(NamedTuple):
    """A member that the files do not know."""

    email: str
    name: str
    function: str


COLLEAGUES = (
    Colleague(ADMIN, "Avery Admin", "OTHER"),
    Colleague("executive@example.com", "Eleanor Voss", "EXECUTIVE"),
    Colleague("marketing@example.com", "Marcus Bell", "MARKETING"),
    Colleague("reporting@example.com", "Ruth Sandoval", "OTHER"),
    Colleague("noor.haddad@example.com", "Noor Haddad", "PRESALES"),
    Colleague("tomas.lindqvist@example.com", "Tomas Lindqvist", "RND"),
    Colleague("grace.obi@example.com", "Grace Obi", "SERVICE"),
    Colleague("wang.min@example.com", "王敏 Wang Min", "FINANCE"),
)

OWNERS = (
    "darcel.schlecht@example.com",
    "mei.mei.johns@example.com",
    "gladys.colclough@example.com",
    "marty.freudenburg@example.com",
    "jonathan.berthelot@example.com",
    "versie.hillebrand@example.com",
    "anna.snelling@example.com",
    "corliss.cosme@example.com",
    "elizabeth.anderson@example.com",
    "cassey.cress@example.com",
    "natalya.ivanova@example.com",
    "vicki.laflamme@example.com",
    "markita.hansen@example.com",
    "kary.hendrixson@example.com",
    "zane.levy@example.com",
    "carl.lin@example.com",
)
"""Sellers who come to own ordinary accounts, by turns."""

DIARISTS = (
    "darcel.schlecht@example.com",
    "mei.mei.johns@example.com",
    "gladys.colclough@example.com",
    "versie.hillebrand@example.com",
    "corliss.cosme@example.com",
    "kary.hendrixson@example.com",
    "carl.lin@example.com",
)
"""Sellers who write down where their time goes."""

ORDINARY = (
    "Bioholding",
    "Blackzim",
    "Bluth Company",
    "Cancity",
    "Cheers",
    "Codehow",
    "Condax",
    "Conecom",
    "Dontechi",
    "Donquadtech",
    "Faxquote",
    "Finhigh",
    "Funholding",
    "Gekko & Co",
    "Genco Pura Olive Oil Company",
    "Golddex",
    "Goodsilron",
    "Green-Plus",
    "Groovestreet",
    "Hatfan",
    "Inity",
    "Isdom",
    "Iselectrics",
    "Kinnamplus",
    "Lexiqvolax",
    "Massive Dynamic",
    "Mathtouch",
    "Nam-zim",
    "Newex",
    "Ontomedia",
    "Plexzap",
    "Plussunin",
    "Ron-tech",
    "Scotfind",
    "Silis",
    "Stanredtax",
    "Streethex",
    "Sunnamplex",
    "The New York Inquirer",
    "Treequote",
    "Vehement Capital Partners",
    "Y-corporation",
    "Yearin",
    "Zoomit",
    "Zotware",
)
"""Accounts that get an owner, two people and a few activities; the others keep nobody."""


def _words(text: str) -> Sequence[str]:
    return text.split()


_GIVEN = _words(
    "Amara Benedict Cecilia Dmitri Estelle Felix Gwen Hassan Irene Jonas Keiko Leandro Mona Nikhil Odette Piotr"
    " Quinn Rosa Stefan Thandi Ulrich Vera Walter Yasmin"
)
_FAMILY = _words(
    "Adeyemi Bergmann Castellano Drummond Eriksson Fontaine Garrity Hoffmann Ibarra Jankowski Kavanagh Lombardi"
    " Mbeki Novotny Okonkwo Pemberton Quist Rasmussen Sato Thornton Urbina Vandenberg Whitlock Yamada"
)
_CHINESE_FAMILY = _words("王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢")
_CHINESE_GIVEN = _words(
    "伟 芳 娜 敏 静 强 磊 洋 艳 勇 军 杰 丽娟 秀英 晓东 建华 志明 雪梅 海燕 文博 子涵 思远 雨桐 嘉怡"
)


class Post(NamedTuple):
    """A job at a customer."""

    title: str
    department: str
    level: str
    influence: str


POSTS: Sequence[Post] = (
    Post("Chief Executive Officer", "MANAGEMENT", "TOP", "H"),
    Post("Head of Procurement", "PROCUREMENT", "MIDDLE", "M"),
    Post("Systems Engineer", "TECHNICAL", "MIDDLE", "M"),
    Post("Plant Manager", "MANAGEMENT", "MIDDLE", "H"),
    Post("Financial Controller", "FINANCE", "MIDDLE", "M"),
    Post("Shift Supervisor", "USER", "BASE", "L"),
    Post("采购经理", "PROCUREMENT", "MIDDLE", "M"),
    Post("技术主管", "TECHNICAL", "MIDDLE", "M"),
    Post("运营总监", "MANAGEMENT", "TOP", "H"),
    Post("财务经理", "FINANCE", "MIDDLE", "M"),
)


def western_name(dice: Random) -> str:
    """A name such as Vera Okonkwo."""
    return f"{dice.choice(_GIVEN)} {dice.choice(_FAMILY)}"


def chinese_name(dice: Random) -> str:
    """A name such as 陈思远."""
    return dice.choice(_CHINESE_FAMILY) + dice.choice(_CHINESE_GIVEN)
