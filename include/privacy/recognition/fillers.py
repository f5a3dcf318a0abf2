"""Values that fill the slots of the templates: people, places and numbers of many countries, all invented."""

import random
import string
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("values.txt")


@cache
def _values(name: str) -> tuple[str, ...]:
    """The list `name` of values.txt."""
    line = next(line for line in _FILE.read_text("utf-8").splitlines() if line.startswith(f"{name}: "))
    return tuple(line.removeprefix(f"{name}: ").split(" | "))


class Fillers:
    """Draws values; equal seeds give equal values."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311
        self.fakers: list[Any] = [_faker(name) for name in _values("locales")]
        for place, faker in enumerate(self.fakers):
            faker.seed_instance(seed * 1000 + place)

    def start(self) -> None:
        """A new text: its people and places come from one country, mostly."""
        self.local = self.draw.choice(self.fakers)
        self.names: list[tuple[str, str]] = []

    def fill(self, slot: str) -> str:
        """A value for `slot`; KeyError for one that is not known."""
        value: str = _SLOTS[slot](self)
        return value

    @property
    def faker(self) -> Any:
        return self.local if self.draw.random() < 0.8 else self.draw.choice(self.fakers)

    def shape(self, *forms: str) -> str:
        """One of `forms` with # for digits and ? for capital letters filled in."""
        return "".join(
            self.draw.choice("123456789" if place == 0 else string.digits)
            if letter == "#"
            else self.draw.choice(string.ascii_uppercase)
            if letter == "?"
            else letter
            for place, letter in enumerate(self.draw.choice(forms))
        )

    def name(self) -> tuple[str, str]:
        """First and last name: of somebody who is in the text already, or of somebody else."""
        if self.names and self.draw.random() < 0.4:
            return self.draw.choice(self.names)
        faker = self.faker
        self.names.append((faker.first_name(), faker.last_name()))
        return self.names[-1]

    def person(self) -> str:
        first, last = self.name()
        if self.draw.random() < 0.2:
            middle = self.draw.choice(string.ascii_uppercase)
            return f"{first} {middle}{self.draw.choice(('', '.', '.'))} {last}"
        return f"{first} {last}" if self.draw.random() < 0.95 else f"{last}, {first}"

    def organization(self) -> str:
        pick, field, head = self.draw.random(), self.draw.choice(_values("fields")), self.draw.choice(_values("heads"))
        last, form = self.faker.last_name(), self.draw.choice(_values("forms"))
        if pick < 0.15:
            return str(self.faker.company())
        if pick < 0.35:
            return f"{head} {field} {form}"
        if pick < 0.5:
            return f"{last} {field}" if self.draw.random() < 0.5 else f"{last} & {self.faker.last_name()} {form}"
        if pick < 0.62:
            return f"{last} {form}"
        if pick < 0.72:
            return self.draw.choice(_values("bodies")).format(f=field, c=self.city(), l=last)
        if pick < 0.82:
            return self.shape("???", "??? ", "????").strip() + self.draw.choice((f" {form}", f" {field}", ""))
        if pick < 0.9:
            return f"{head.upper()} {field.upper()} {form.upper()}"
        coined = f"{self.draw.choice(_values('heads'))}{field.lower()[: self.draw.randint(3, 6)]}"
        return f"{coined} {self.draw.choice(('', form))}".strip()

    def city(self) -> str:
        city = str(self.faker.city())
        return city.upper() if self.draw.random() < 0.1 else city

    def country(self) -> str:
        return str(self.fakers[self.draw.randrange(5)].country())

    def street(self) -> str:
        return str(self.faker.street_name())

    def building(self) -> str:
        return self.shape("#", "##", "###", "####", "#####", "##?").lower()

    def secondary(self) -> str:
        return self.shape("Apt. ###", "Suite ###", "Apt ##", "Unit #", "Flat #?", "Floor #", "P.O. Box ###", "c/o ") + (
            "" if self.draw.random() < 0.97 else f" {self.faker.last_name()}"
        )

    def zipcode(self) -> str:
        return self.shape("#####", "#####", "####", "#####-####", "##-###", "### ##", "??# #??", "?#? #?#", "#### ??")

    def state(self) -> str:
        return str(self.fakers[0].state_abbr() if self.draw.random() < 0.7 else self.fakers[0].state())

    def address(self) -> str:
        where, street, city = f"{self.building()} {self.street()}", self.street(), self.city()
        if self.draw.random() < 0.3:
            where = f"{street} {self.building()}"
        more, code = self.secondary(), self.zipcode()
        state, country = self.state(), self.country()
        line = self.draw.choice(("\n", "\n", ", ", "\n "))
        forms = (
            f"{where}{line}{city}, {state} {code}",
            f"{where}, {city}, {state} {code}",
            f"{where} {more}{line}{city}, {state} {code}",
            f"{where} {more} {city} {state}",
            f"{where} {more} {city} {country}",
            f"{where}\n {more}\n {city}\n {country} {code}",
            f"{where}, {city}, {country}",
            f"{where} {more}, {city}, {country} {code}",
            f"{where}, {code} {city}",
            f"{where}{line}{code} {city}{line}{country}",
            f"{where}\n{city}\n, {state}\n {code}",
            f"{where}\n{city}\n, {state}\n {country} {code}",
            f"the corner of {street} and {self.street()}",
            f"{self.name()[0]} and {street}",
            self.shape("PSC ####, Box ####\nAPO AE #####", "Unit #### Box ####\nDPO AP #####", "P.O. Box ###")
            if self.draw.random() < 0.5
            else f"USNS {self.faker.last_name()}\nFPO AA {self.shape('#####')}",
            where,
            str(self.faker.address()),
        )
        return self.draw.choice(forms)

    def day(self, first: int, last: int) -> date:
        """A day of these years; Faker's own would depend on today."""
        return date.fromordinal(self.draw.randint(date(first, 1, 1).toordinal(), date(last, 12, 31).toordinal()))

    def written_date(self) -> str:
        day = self.day(1970, 2029)
        form = self.draw.choice(
            (
                "%Y-%m-%d",
                "%d.%m.%Y",
                "%m/%d/%Y",
                "%d %B %Y",
                "%B %d, %Y",
                "%b %d",
                "%d %b",
                "%Y-%m-%d %H:%M:%S",
                "%A",
                "%B %Y",
            )
        )
        return str(day.strftime(form))

    def birthday(self) -> str:
        day = self.day(1930, 2010)
        if self.draw.random() < 0.5:
            return f"{day.month}/{day.day}/{day.year}"
        return str(day.strftime(self.draw.choice(("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y"))))

    def username(self) -> str:
        first, last = (part.lower().replace(" ", "") for part in self.name())
        return self.draw.choice(
            (f"{first}{self.draw.randint(1, 99)}", f"{first[0]}{last}", f"{first}.{last}", f"{last}_{first[0]}")
        )

    def email(self) -> str:
        host = self.fakers[0].domain_name() if self.draw.random() < 0.6 else self.fakers[0].free_email_domain()
        return f"{self.username()}@{host}"

    def url(self) -> str:
        site = self.fakers[0].domain_name()
        return self.draw.choice(
            (
                f"https://www.{site}/",
                f"http://{site}/",
                f"https://{site}/{self.draw.choice(_values('words'))}",
                f"www.{site}",
            )
        )

    def account(self) -> str:
        return self.shape("??-########", "########", "?######", "??#####", "C-#######", "??? ### ###")

    def version(self) -> str:
        return self.shape("#.#", "#.#.#", "#.##", "v#.#.#", "20##", "#.##.#-rc#", "#.#.#.####")


@cache
def _faker(locale: str) -> Any:
    from faker import Faker

    return Faker(locale)


def _hexadecimal(fillers: Fillers, length: int) -> str:
    return f"{fillers.draw.getrandbits(length * 4):0{length}x}"


def _uuid(fillers: Fillers) -> str:
    digits = _hexadecimal(fillers, 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_SLOTS: dict[str, Callable[[Fillers], str]] = {
    "person": Fillers.person,
    "first_name": lambda f: f.name()[0],
    "last_name": lambda f: f.name()[1],
    "prefix": lambda f: f.draw.choice(("Mr.", "Mrs.", "Ms.", "Dr.", "Mr", "Ms", "Miss", "Prof.")),
    "job": lambda f: str(f.fakers[0].job()) if f.draw.random() < 0.6 else str(f.fakers[0].job()).split(",")[0].lower(),
    "organization": Fillers.organization,
    "address": Fillers.address,
    "street": Fillers.street,
    "building": Fillers.building,
    "secondary": Fillers.secondary,
    "city": Fillers.city,
    "state": Fillers.state,
    "country": Fillers.country,
    "zipcode": Fillers.zipcode,
    "nationality": lambda f: f.draw.choice(_values("nationalities")),
    "date": Fillers.written_date,
    "birthday": Fillers.birthday,
    "year": lambda f: str(f.draw.randint(1900, 2029)),
    "weekday": lambda f: f.day(2024, 2025).strftime("%A"),
    "age": lambda f: str(f.draw.randint(1, 99)),
    "phone": lambda f: f.shape(*_values("phones")),
    "email": Fillers.email,
    "url": Fillers.url,
    "ip": lambda f: str(f.fakers[0].ipv4() if f.draw.random() < 0.8 else f.fakers[0].ipv6()),
    "card": lambda f: str(f.fakers[0].credit_card_number()),
    "iban": lambda f: str(f.fakers[f.draw.choice((1, 5, 7, 9, 12))].iban()),
    "ssn": lambda f: str(f.fakers[0].ssn()),
    "license": lambda f: f.shape(*_values("licenses")),
    "username": Fillers.username,
    "account": Fillers.account,
    "product": lambda f: f.draw.choice(_values("products")),
    "version": Fillers.version,
    "error": lambda f: f.draw.choice(_values("errors")),
    "code": lambda f: f.shape(
        "INC-####", "INV-####", "T#####", "#??-##", "ABC-###", "#####", "PR ####", "X###", "RFC ####"
    ),
    "digits": lambda f: str(f.draw.choice((2, 3, 5, 8, 12, 16, 20, 42, 64, 90, 120, 250, 404, 500, 1024, 8080, 15000))),
    "time": lambda f: f.shape("##:##", "#:## pm", "#am").replace("9#", "09"),
    "hash": lambda f: _hexadecimal(f, f.draw.choice((7, 12, 40))),
    "uuid": _uuid,
    "path": lambda f: f"{f.fill('folder')}{f.fill('word')}.{f.fill('suffix')}",
    "folder": lambda f: f.draw.choice(("/opt/", "/home/app/", "/var/log/", "src/")),
    "suffix": lambda f: f.draw.choice(("py", "log", "cfg", "json")),
    "word": lambda f: f.draw.choice(_values("words")),
    "term": lambda f: f.draw.choice(_values("terms")),
    "Term": lambda f: f.draw.choice(_values("terms")).capitalize(),
    "Terms": lambda f: " ".join(f.draw.choice(_values("terms")).capitalize() for _ in range(f.draw.randint(2, 3))),
    "TERM": lambda f: f.draw.choice(_values("terms")).upper(),
    "closing": lambda f: f.draw.choice(_values("closings")),
    "greeting": lambda f: f.draw.choice(_values("greetings")),
    "number": lambda f: f.shape(
        "##", "###", "####", "#####", "######", "########", "#,###", "##.#", "20##-####", "#-###-#"
    ),
}
