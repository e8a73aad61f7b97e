"""What the demo shop sells: {category: [(SKU, name, price, stock), …]}."""

GOODS: dict[str, list[tuple[str, str, str, int]]] = {
    "Kitchen": [
        ("MUG-STONE", "Stoneware mug, grey, 350 ml", "12.50", 200),
        ("MUG-ENAMEL", "Enamel mug, white with blue rim", "9.90", 140),
        ("BOWL-OAT", "Cereal bowl, oat glaze", "14.00", 85),
        ("KETTLE-15", "Stovetop kettle, 1.5 l", "49.00", 24),
        ("PRESS-8", "French press, eight cups", "34.90", 40),
        ("KNIFE-CHEF", "Chef's knife, 20 cm", "79.00", 18),
        ("BOARD-OAK", "Cutting board, oiled oak", "29.50", 35),
        ("PAN-IRON-26", "Cast-iron pan, 26 cm", "54.00", 15),
        ("TOWEL-LINEN-2", "Linen tea towels, set of two", "19.00", 60),
    ],
    "Living": [
        ("LAMP-DESK", "Desk lamp, brass", "89.00", 12),
        ("LAMP-PAPER", "Paper lantern, 45 cm", "17.50", 70),
        ("CUSHION-WOOL", "Wool cushion, 50 × 50 cm", "38.00", 44),
        ("BLANKET-MERINO", "Merino blanket, charcoal", "119.00", 9),
        ("VASE-TALL", "Glass vase, tall", "27.00", 31),
        ("CANDLE-3", "Beeswax candles, set of three", "13.20", 150),
        ("CLOCK-WALL", "Wall clock, birch", "45.00", 3),
        ("FRAME-A4", "Picture frame, A4, walnut", "22.00", 58),
    ],
    "Garden": [
        ("TROWEL", "Hand trowel, ash handle", "16.90", 65),
        ("SHEARS", "Pruning shears", "32.00", 27),
        ("CAN-5", "Watering can, 5 l, galvanised", "36.50", 20),
        ("GLOVES-M", "Garden gloves, medium", "11.00", 90),
        ("TWINE-JUTE", "Jute twine, 100 m", "5.40", 300),
        ("SEEDS-HERBS", "Herb seeds, six kinds", "8.90", 0),
        ("POT-CLAY-20", "Clay pot, 20 cm", "7.50", 110),
    ],
    "Stationery": [
        ("NOTE-A5-DOT", "Notebook A5, dotted", "11.90", 180),
        ("PEN-FOUNTAIN", "Fountain pen, medium nib", "42.00", 22),
        ("INK-BLUE", "Ink, royal blue, 50 ml", "9.50", 75),
        ("PENCIL-12", "Pencils HB, box of twelve", "10.80", 95),
        ("TAPE-PAPER", "Paper tape, three rolls", "6.30", 130),
        ("CALENDAR", "Wall calendar, last year's", "4.00", 6),
    ],
}

RETIRED = "CALENDAR"
