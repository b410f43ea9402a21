"""The words that seeded products are made of."""

from dataclasses import dataclass
from typing import Final, Literal

Gender = Literal["m", "f", "n", "p"]
"""Masculine, feminine, neuter, plural: a Russian adjective agrees with its noun."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A category with its nouns and its range of prices in whole currency units."""

    category: str
    english: tuple[str, ...]
    russian: tuple[tuple[str, Gender], ...]
    price_range: tuple[int, int]


KINDS: Final = (
    Kind(
        "Kitchen",
        (
            "Mug",
            "Teapot",
            "Frying Pan",
            "Chopping Board",
            "Crème Brûlée Set",
            "Kettle",
            "Bread Knife",
            "Whisk",
        ),
        (("Кружка", "f"), ("Чайник", "m"), ("Сковорода", "f"), ("Тёрка", "f"), ("Блюдо", "n"), ("Ножи", "p")),
        (2, 90),
    ),
    Kind(
        "Home Décor",
        ("Candle Holder", "Wall Clock", "Cushion", "Picture Frame", "Vase", "Door Bell", "Papier-Mâché Box"),
        (
            ("Подсвечник", "m"),
            ("Ваза", "f"),
            ("Подушка", "f"),
            ("Зеркало", "n"),
            ("Часы", "p"),
            ("Плед", "m"),
        ),
        (3, 120),
    ),
    Kind(
        "Electronics",
        ("Headphones", "Bluetooth Speaker", "Keyboard", "Monitor", "Webcam", "Power Bank", "USB-C Hub"),
        (
            ("Наушники", "p"),
            ("Колонка", "f"),
            ("Клавиатура", "f"),
            ("Монитор", "m"),
            ("Зарядное устройство", "n"),
        ),
        (9, 900),
    ),
    Kind(
        "Books",
        (
            "Cookbook",
            "Atlas",
            "Notebook",
            "Dictionary",
            "Guide to Birds",
            "Collected Poems",
            "Résumé Handbook",
        ),
        (
            ("Словарь", "m"),
            ("Атлас", "m"),
            ("Книга рецептов", "f"),
            ("Сборник стихов", "m"),
            ("Издание", "n"),
        ),
        (4, 60),
    ),
    Kind(
        "Toys",
        ("Wooden Train", "Building Blocks", "Teddy Bear", "Puzzle", "Doll", "Kite", "Spinning Top"),
        (("Конструктор", "m"), ("Плюшевый мишка", "m"), ("Кукла", "f"), ("Пазлы", "p"), ("Домино", "n")),
        (3, 110),
    ),
    Kind(
        "Garden",
        ("Watering Can", "Plant Pot", "Bird Feeder", "Hose", "Secateurs", "Garden Bench", "Lantern"),
        (("Лейка", "f"), ("Горшок", "m"), ("Кормушка", "f"), ("Шланг", "m"), ("Грабли", "p"), ("Ведро", "n")),
        (3, 260),
    ),
    Kind(
        "Sports",
        ("Yoga Mat", "Dumbbell", "Skipping Rope", "Tennis Racket", "Football", "Rucksack", "Kettlebell"),
        (("Коврик", "m"), ("Гантели", "p"), ("Скакалка", "f"), ("Мяч", "m"), ("Рюкзак", "m"), ("Весло", "n")),
        (5, 240),
    ),
    Kind(
        "Clothing",
        ("Scarf", "Jumper", "Raincoat", "Socks", "T-Shirt", "Beanie", "Appliqué Dress"),
        (("Шарф", "m"), ("Свитер", "m"), ("Куртка", "f"), ("Носки", "p"), ("Платье", "n"), ("Шапка", "f")),
        (4, 180),
    ),
    Kind(
        "Shoes",
        ("Trainers", "Boots", "Sandals", "Slippers", "Loafers", "Wellingtons"),
        (("Кроссовки", "p"), ("Ботинки", "p"), ("Сандалии", "p"), ("Тапочки", "p"), ("Обувь", "f")),
        (12, 220),
    ),
    Kind(
        "Bathroom",
        ("Towel", "Soap Dish", "Shower Curtain", "Bath Mat", "Toothbrush", "Laundry Basket"),
        (
            ("Полотенце", "n"),
            ("Мыльница", "f"),
            ("Зубная щётка", "f"),
            ("Коврик для ванной", "m"),
            ("Шторы", "p"),
        ),
        (2, 70),
    ),
    Kind(
        "Stationery",
        (
            "Fountain Pen",
            "Sketchbook",
            "Ring Binder",
            "Stapler",
            "Pencil Set",
            "Gift Wrap",
            "Décopatch Paper",
        ),
        (
            ("Ручка", "f"),
            ("Альбом", "m"),
            ("Степлер", "m"),
            ("Карандаши", "p"),
            ("Точилка", "f"),
            ("Перо", "n"),
        ),
        (1, 45),
    ),
    Kind(
        "Tools",
        ("Hammer", "Screwdriver Set", "Cordless Drill", "Spirit Level", "Tape Measure", "Toolbox"),
        (
            ("Молоток", "m"),
            ("Дрель", "f"),
            ("Рулетка", "f"),
            ("Отвёртка", "f"),
            ("Плоскогубцы", "p"),
            ("Сверло", "n"),
        ),
        (4, 320),
    ),
    Kind(
        "Lighting",
        ("Desk Lamp", "Floor Lamp", "Fairy Lights", "Pendant Light", "Night Light", "LED Bulb"),
        (
            ("Лампа", "f"),
            ("Торшер", "m"),
            ("Гирлянда", "f"),
            ("Ночник", "m"),
            ("Бра", "n"),
            ("Светильники", "p"),
        ),
        (5, 210),
    ),
    Kind(
        "Food & Drink",
        ("Café Blend Coffee", "Green Tea", "Dark Chocolate", "Honey", "Olive Oil", "Oat Biscuits", "Purée"),
        (("Кофе", "m"), ("Чай", "m"), ("Шоколад", "m"), ("Мёд", "m"), ("Печенье", "n"), ("Орехи", "p")),
        (2, 40),
    ),
    Kind(
        "Christmas",
        ("Christmas Bauble", "Advent Calendar", "Stocking", "Wreath", "Noël Garland", "Snow Globe"),
        (
            ("Ёлочный шар", "m"),
            ("Гирлянда еловая", "f"),
            ("Открытка", "f"),
            ("Украшение", "n"),
            ("Сани", "p"),
        ),
        (1, 80),
    ),
    Kind(
        "Furniture",
        ("Bookcase", "Armchair", "Coffee Table", "Bar Stool", "Chest of Drawers", "Chaise Longue"),
        (("Кресло", "n"), ("Стол", "m"), ("Стеллаж", "m"), ("Тумба", "f"), ("Полки", "p"), ("Табурет", "m")),
        (25, 1500),
    ),
)

QUALITIES: Final = (
    "Classic", "Retro", "Handmade", "Vintage", "Compact", "Large", "Small", "Folding", "Organic", "Premium",
    "Everyday", "Lightweight", "Rustic", "Modern", "Décoratif", "Sturdy", "Soft", "Elegant", "Travel", "Naïve",
)  # fmt: skip
COLOURS: Final = (
    "red", "blue", "green", "black", "white", "ivory", "grey", "pink", "navy", "mint", "copper", "oak", "rosé",
    "lavender", "mustard", "turquoise",
)  # fmt: skip
BRANDS: Final = (
    "Northwind", "Aurélie", "Hearth & Co", "Берёзка", "Oakfield", "Lumière", "Polar", "Kestrel", "Заря", "Maison Noé",
    "Brightside", "Уют", "Tern", "Siesta", "Ладога", "Fjord", "Marigold", "Сёмга", "Pebble", "Атлант", "Zoë",
    "Willow", "Орёл", "Harbour", "Étoile", "Снежинка", "Quill", "Тайга", "Bramble", "Vega",
)  # fmt: skip
FEATURES: Final = (
    "Easy to clean and made to last for years.",
    "A thoughtful gift for a friend, packed in a recycled box.",
    "Tested by our own staff; two years of warranty.",
    "Made in small batches, so every piece is a little different.",
    "Saves space: it folds flat and weighs next to nothing.",
    "The bestseller of last season is back with a better finish.",
    "Safe for children and pets, no varnish and no lead.",
    "Pairs well with everything else in this collection.",
)
FEATURES_RU: Final = (
    "Легко моется и прослужит много лет.",
    "Хороший подарок другу, упаковка из вторичного картона.",
    "Проверено нашими сотрудниками, гарантия два года.",
    "Делается малыми партиями, поэтому каждая вещь немного своя.",
    "Экономит место: складывается и почти ничего не весит.",
    "Лучший товар прошлого сезона, теперь с новой отделкой.",
    "Безопасно для детей и животных, без лака и свинца.",
    "Сочетается со всей коллекцией, подойдёт в любой дом.",
)

QUALITIES_RU: Final = (
    ("классический", "классическая", "классическое", "классические"),
    ("лёгкий", "лёгкая", "лёгкое", "лёгкие"),
    ("большой", "большая", "большое", "большие"),
    ("маленький", "маленькая", "маленькое", "маленькие"),
    ("прочный", "прочная", "прочное", "прочные"),
    ("складной", "складная", "складное", "складные"),
    ("дорожный", "дорожная", "дорожное", "дорожные"),
    ("домашний", "домашняя", "домашнее", "домашние"),
    ("современный", "современная", "современное", "современные"),
    ("подарочный", "подарочная", "подарочное", "подарочные"),
    ("тёплый", "тёплая", "тёплое", "тёплые"),
    ("удобный", "удобная", "удобное", "удобные"),
    ("детский", "детская", "детское", "детские"),
    ("праздничный", "праздничная", "праздничное", "праздничные"),
)
COLOURS_RU: Final = (
    ("красный", "красная", "красное", "красные"),
    ("синий", "синяя", "синее", "синие"),
    ("зелёный", "зелёная", "зелёное", "зелёные"),
    ("чёрный", "чёрная", "чёрное", "чёрные"),
    ("белый", "белая", "белое", "белые"),
    ("жёлтый", "жёлтая", "жёлтое", "жёлтые"),
    ("серый", "серая", "серое", "серые"),
    ("розовый", "розовая", "розовое", "розовые"),
    ("голубой", "голубая", "голубое", "голубые"),
    ("коричневый", "коричневая", "коричневое", "коричневые"),
)
