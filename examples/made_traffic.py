"""Writes a made access log of a small shop, five weeks with two flash crowds a day: python3 made_traffic.py access.log

Busiest in the evening, half as busy at weekends. A crowd is 2.2 times the usual level and more, 3 on average.
"""

import math
import random
import sys
import time
from pathlib import Path

DAYS, PER_MINUTE = 35, 8.0
PATHS = (
    "/",
    "/",
    "/items/{}",
    "/items/{}",
    "/items/{}",
    "/search?q=word{}",
    "/static/shop.css",
    "/account/reset/key{}",
)
FIRST_S = 1_780_272_000  # 2026-06-01, a Monday, midnight in UTC

chance = random.Random(4)
crowds = [
    (chance.uniform(0, DAYS * 1440), 2.2 + chance.expovariate(1 / 0.8), chance.randint(15, 60)) for _ in range(2 * DAYS)
]


def level(minute: int) -> float:
    usual = PER_MINUTE * (1 + 0.6 * math.sin(2 * math.pi * (minute / 1440 - 0.6)))
    usual *= 0.5 if minute // 1440 % 7 >= 5 else 1.0
    return usual * max([m for start, m, length in crowds if start <= minute < start + length], default=1.0)


with Path(sys.argv[1]).open("w") as log:
    for minute in range(DAYS * 1440):
        rate_per_s = level(minute) / 60
        second = chance.expovariate(rate_per_s)
        while second < 60:
            at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(FIRST_S + 60 * minute + int(second)))
            path = chance.choice(PATHS).format(chance.randint(1, 500))
            method, status = chance.choice(("GET",) * 9 + ("POST",)), chance.choice((200,) * 30 + (404,))
            log.write(f'10.0.0.1 - - [{at}] "{method} {path} HTTP/1.1" {status} 512 "-" "made"\n')
            second += chance.expovariate(rate_per_s)
