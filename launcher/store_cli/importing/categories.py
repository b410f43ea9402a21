"""Guess a product's category from the words of its description: the ledger has none.

The first rule that a word of the description matches decides, so what a thing is for ("CHRISTMAS", "EASTER")
comes before what it is ("MUG"), and what it is before what is on it ("HEART").
"""

import re
from collections.abc import Mapping

OTHER = "Gifts"
_SERVICES = "Services"

_RULES: Mapping[str, str] = {
    _SERVICES: """
        postage carriage manual fee charges voucher amazon dotcom
    """,
    "Christmas": """
        christmas xmas advent santa reindeer snowman snowflake snowflakes nativity bauble baubles noel
    """,
    "Easter": """
        easter chick chicks
    """,
    "Jewellery": """
        necklace necklaces bracelet bracelets earring earrings ring rings brooch bangle bangles charm
        charms pendant pendent diamante jewellery jewelled choker anklet tiara bling
    """,
    "Bags": """
        bag bags purse purses wallet shopper handbag rucksack backpack suitcase luggage trunk tote satchel
        basket baskets hamper
    """,
    "Candles": """
        candle candles candleholder candlestick t-light t-lights tealight tealights light lights lamp
        lamps lantern lanterns lampshade chandelier incense votive votives wick night-light torch
    """,
    "Kitchen": """
        mug mugs cup cups saucer teapot tea coffee cake cakes cakestand bowl bowls plate plates jug jugs
        glass glasses tumbler tumblers goblet cutlery spoon spoons fork forks knife spatula kitchen bake
        baking baker bakers jam jelly jelly-mould mould moulds egg eggs lunch bread butter biscuit
        biscuits cookie cutter cutters tray trays trivet colander whisk recipe pantry pan saucepan
        casserole dish dishes napkin napkins placemat placemats coaster coasters bottle bottles flask
        tablecloth cosy sugar milk salt pepper chopping ladle bucket larder cruet dinner breakfast picnic
        dining jar jars beaker beakers sieve scales oven tin tins cocktail champagne wine corkscrew straws
    """,
    "Garden": """
        garden gardeners watering planter planters plant pots pot trowel birdhouse birdcage bird-feeder
        feeder parasol windmill greenhouse seed seeds outdoor fork-set hose bbq bird-bath sundial
        cultivator
    """,
    "Stationery": """
        card cards notebook notebooks pen pens pencil pencils pencilcase paper envelope envelopes sticker
        stickers wrap ribbon ribbons tissue tissues journal diary calendar stamp stamps eraser erasers
        rubber tape letter letters tag tags stationery organiser scrapbook chalk chalkboard sharpener
        ruler book book-mark bookmark postcard postcards memo magnet magnets file folder
    """,
    "Party": """
        party bunting garland garlands balloon balloons birthday confetti banner invites cases doilies
        doily sparklers streamers
    """,
    "Toys": """
        toy toys game games jigsaw puzzle puzzles doll dolls dolly skipping ludo dominoes soldiers soldier
        spinning playhouse bear teddy dinosaur robot robots rocket spaceboy circus skittles marbles yo-yo
        harmonica cards-game knitting craft felt feltcraft sewing crayons kit building kite childs
        childrens bank piggy puppet puppets
    """,
    "Bathroom": """
        bath bathroom soap soaps towel towels toothbrush toilet shower flannel hair hairclip hairclips
        hairslide nail mirror manicure cosmetic cosmetics make-up scented perfume lavender slide wash
        sponge
    """,
    "Textiles": """
        cushion cushions cover covers quilt throw blanket rug towel apron warmer warmers hot-water doormat
        mat slippers scarf gloves sock socks hat umbrella umbrellas poncho shawl curtain pillow tea-towel
        oven-glove hottie knitted
    """,
    "Home": """
        box boxes storage drawer drawers cabinet hook hooks hanger hangers knob knobs rack shelf stand
        holder holders key keys bin peg pegs door doorstop doorknob crate chest laundry caddy tidy case
        wardrobe chair stool table desk clock clocks alarm thermometer frame frames photo picture
    """,
    "Decoration": """
        decoration decorations hanging ornament ornaments sign signs wall heart hearts wreath flower
        flowers rose roses blossom vase vases mobile chime chimes bell bells art print plaque tile tiles
        metal wooden wood zinc ceramic figurine statue cherub cherubs feather feathers butterfly
        butterflies angel curio baroque bunny rabbit buddha doves dove chain string
    """,
}
_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_RANK_OF_WORD = {
    word: rank for rank, words in reversed(list(enumerate(_RULES.values()))) for word in words.split()
}
_CATEGORIES = tuple(_RULES)


def guess_category(description: str) -> str:
    """Return the category whose rule comes first among those that the description's words match."""
    ranks = (_RANK_OF_WORD.get(word) for word in _WORD.findall(description.lower()))
    best = min((rank for rank in ranks if rank is not None), default=None)
    return OTHER if best is None else _CATEGORIES[best]
