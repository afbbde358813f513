"""Pronunciation: the phonemes of English words, for forced paths. Pure.

Phonemes are those of CMU's pronouncing dictionary (ARPAbet) without stress. Words of which sentences consist stand in a
table where the rules spell them wrong; all others, those that a site adds among them, are spelt by rules: of the words
that may be said beside a sentence, 19 % of the phonemes come out otherwise than in that dictionary.
"""

from __future__ import annotations

import re
from functools import lru_cache

PHONEMES = (
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH"),
    *("K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
)

_TABLE = """
a: EY; absent: AE B S AH N T; accepted: AE K S EH P T IH D | AH K S EH P T IH D; again: AH G EH N | AH G EY N; all:
AO L; alpha: AE L F AH; am: AE M | EY EH M; an: AE N | AH N; and: AH N D | AE N D; anybody: EH N IY B AH D IY;
anyway: EH N IY W EY; apples: AE P AH L Z; are: AA R | ER; as: AE Z | EH Z; aside: AH S AY D; away: AH W EY; b: B
IY; been: B IH N | B AH N; boxes: B AA K S AH Z | B AA K S IH Z; bravo: B R AA V OW; break: B R EY K; broken: B R OW
K AH N; c: S IY; cancel: K AE N S AH L; carton: K AA R T AH N; cartons: K AA R T AH N Z; case: K EY S; cases: K EY S
AH Z | K EY S IH Z; center: S EH N T ER | S EH N ER; centre: S EH N T ER; close: K L OW S | K L OW Z; coffee: K AA F
IY | K AO F IY; come: K AH M; container: K AH N T EY N ER; continue: K AH N T IH N Y UW; correction: K ER EH K SH AH
N; counting: K AW N T IH NG | K AW N IH NG; crumpled: K R AH M P AH L D; crushed: K R AH SH T; d: D IY; damage: D AE
M AH JH | D AE M IH JH; damaged: D AE M AH JH D | D AE M IH JH D; degree: D IH G R IY; degrees: D IH G R IY Z;
delta: D EH L T AH; do: D UW; does: D AH Z | D IH Z; done: D AH N; door: D AO R; double: D AH B AH L; dozen: D AH Z
AH N; drenched: D R EH N CH T; e: IY; echo: EH K OW; eleven: IH L EH V AH N | IY L EH V AH N; enough: IH N AH F | IY
N AH F; entries: EH N T R IY Z; exception: IH K S EH P SH AH N; f: EH F; fallen: F AA L AH N; fine: F AY N | F IH N
AH; finished: F IH N IH SH T; flattened: F L AE T AH N D; four: F AO R; fourteen: F AO R T IY N; from: F R AH M;
front: F R AH N T; full: F UH L; fully: F UH L IY; g: JH IY; go: G OW; going: G OW IH NG | G OW IH N; golf: G AA L F
| G AO L F; gone: G AO N; good: G UH D | G IH D; goods: G UH D Z; gotten: G AA T AH N | G AO T AH N; h: EY CH; half:
HH AE F; hanging: HH AE NG IH NG | HH AE NG G IH NG; has: HH AE Z | HH AH Z; hasn't: HH AE Z AH N T; have: HH AE V;
heard: HH ER D; hotel: HH OW T EH L; how: HH AW; hundred: HH AH N D R AH D | HH AH N D R IH D | HH AH N ER D; i: AY;
india: IH N D IY AH; is: IH Z; isn't: IH Z AH N T | IH Z AH N; item: AY T AH M; items: AY T AH M Z; j: JH EY;
juliet: JH UW L IY EH T; k: K EY; kilo: K IH L OW; l: EH L; last: L AE S T | L AE S; license: L AY S AH N S; lima: L
AY M AH | L IY M AH; listen: L IH S AH N; listened: L IH S AH N D; listening: L IH S AH N IH NG | L IH S N IH NG;
location: L OW K EY SH AH N; lot: L AA T | L AO T; m: EH M; many: M EH N IY; me: M IY; mineral: M IH N ER AH L | M
IH N R AH L; minus: M AY N AH S; moving: M UW V IH NG; n: EH N; negative: N EH G AH T IH V; next: N EH K S T | N EH
K S; nineteen: N AY N T IY N; ninety: N AY N T IY; no: N OW; november: N OW V EH M B ER; now: N AW; o: OW; of: AH V;
off: AO F; oh: OW; ok: OW K EY; okay: OW K EY; on: AA N | AO N; one: W AH N | OW N EY; open: OW P AH N; opened: OW P
AH N D; oscar: AO S K ER; over: OW V ER; p: P IY; pallet: P AE L AH T; pallets: P AE L AH T S; papa: P AA P AH;
pieces: P IY S AH Z | P IY S IH Z; position: P AH Z IH SH AH N; present: P R EH Z AH N T | P R IY Z EH N T | P ER Z
EH N T; purchase: P ER CH AH S; put: P UH T; putting: P AH T IH NG | P UH T IH NG; q: K Y UW; quantity: K W AA N T
AH T IY; quarantine: K W AO R AH N T IY N; quarantined: K W AO R AH N T IY N D | K W AO R AH N T AY N D; quebec: K W
AH B EH K; quieter: K W AY AH T ER; r: AA R; rear: R IH R; receiving: R AH S IY V IH NG | R IH S IY V IH NG | R IY S
IY V IH NG; recount: R IH K AW N T | R IY K AW N T; refused: R AH F Y UW Z D | R IH F Y UW Z D; regardless: R AH G
AA R D L AH S; rejected: R IH JH EH K T IH D | R IY JH EH K T IH D; removed: R IY M UW V D; repeat: R IH P IY T | R
IY P IY T; resume: R IH Z UW M | R IY Z UW M | R EH Z AH M EY; romeo: R OW M IY OW; s: EH S; second: S EH K AH N D;
secure: S IH K Y UH R; seven: S EH V AH N; seventeen: S EH V AH N T IY N; seventy: S EH V AH N T IY | S EH V AH N
IY; shortage: SH AO R T AH JH | SH AO R T IH JH; sierra: S IY EH R AH; sign: S AY N; slower: S L OW ER; smashed: S M
AE SH T; so: S OW; sodden: S AA D AH N; softer: S AA F T ER | S AO F T ER; sorry: S AA R IY; squashed: S K W AA SH
T; t: T IY; tango: T AE NG G OW; temperature: T EH M P R AH CH ER | T EH M P ER AH CH ER; that: DH AE T | DH AH T;
that's: DH AE T S; the: DH AH | DH IY; there: DH EH R; there's: DH EH R Z; thirty: TH ER D IY | TH ER T IY; this: DH
IH S; thousand: TH AW Z AH N D | TH AW Z AH N; through: TH R UW; to: T UW; tomatoes: T AH M EY T OW Z | T AH M AA T
OW Z; twenty: T W EH N T IY | T W EH N IY; two: T UW; u: Y UW; uh: AH; unbroken: AH N B R OW K AH N; undamaged: AH N
D AE M AH JH D; undo: AH N D UW; uniform: Y UW N AH F AO R M; unit: Y UW N AH T | Y UW N IH T; units: Y UW N AH T S
| Y UW N IH T S; untouched: AH N T AH CH T; v: V IY; victor: V IH K T ER; w: D AH B AH L Y UW; was: W AA Z | W AH Z;
water: W AO T ER; what: W AH T | HH W AH T; what's: W AH T S | HH W AH T S; where: W EH R | HH W EH R; which: W IH
CH | HH W IH CH; whiskey: W IH S K IY | HH W IH S K IY; who: HH UW; whole: HH OW L; with: W IH DH | W IH TH;
without: W IH TH AW T | W IH DH AW T; wrong: R AO NG; x: EH K S; y: W AY; yeah: Y AE; yes: Y EH S; z: Z IY | Z EH D;
zero: Z IH R OW | Z IY R OW | Z EY R OW | Z EY OW; zulu: Z UW L UW
"""
"""Words and their phonemes; "|" parts the ways to say one. "One" and "zero" stand there as the phoneme model of
`phoneme_model.py` writes them, too: "o n e", "z e r o"."""

_RULES = r"""
tion SH AH N; sion ZH AH N; tch CH; igh AY; eigh EY; ough AO; augh AO; sch S K; dge JH; ture$ CH ER; cious SH AH S;
ous$ AH S; ch CH; sh SH; th TH; ph F; ck K; ng$ NG; ng NG G; nk NG K; wh W; qu K W; gh -; ^kn N; ^wr R; ee IY;
ea IY; oo UW; ou AW; ow$ OW; ow AW; oa OW; oi OY; oy OY; ai EY; ay EY; au AO; aw AO; ie$ IY; ie IY; ei IY; ey$ IY;
ue$ UW; ew UW; eu UW; ui UW; er ER; ir ER; ur ER; ear IH R; ar AA R; ore AO R; or AO R; air EH R; are$ EH R; ll L;
ss S; tt T; pp P; bb B; dd D; ff F; gg G; mm M; nn N; rr R; zz Z; cc K; a(?=[bcdfgklmnprstvz]e(s|d)?$) EY;
i(?=[bcdfgklmnprstvz]e(s|d)?$) AY; o(?=[bcdfgklmnprstvz]e(s|d)?$) OW; u(?=[bcdfgklmnprstvz]e(s|d)?$) UW;
(?<=[sxz])es$ IH Z; (?<=[fkpt])es$ S; (?<=[cg])es$ IH Z; es$ Z; (?<=[td])ed$ IH D; (?<=[kpfsx])ed$ T; ed$ D;
le$ AH L; e$ -;
c(?=[eiy]) S; g(?=[eiy]) JH; y$ IY; ^y Y; y IH; (?<=[aeiou])s(?=[aeiou]) Z; (?<=[bdglmnrv])s$ Z; a AE; b B; c K;
d D; e EH; f F; g G; h HH; i IH; j JH; k K; l L; m M; n N; o AA; p P; q K; r R; s S; t T; u AH; v V; w W; x K S;
z Z
"""
"""Regular expressions of letters, each with its phonemes ("-": none). The first one that fits at a place counts."""


def _parse_table() -> dict[str, tuple[tuple[str, ...], ...]]:
    rows = (row.split(":") for row in _TABLE.replace("\n", " ").split(";"))
    return {word.strip(): tuple(tuple(way.split()) for way in said.split("|")) for word, said in rows}


def _parse_rules() -> list[tuple[re.Pattern[str], tuple[str, ...]]]:
    rows = (row.split() for row in _RULES.replace("\n", " ").split(";"))
    return [(re.compile(letters), tuple(one for one in said if one != "-")) for letters, *said in rows]


_KNOWN, _SPELLING = _parse_table(), _parse_rules()


@lru_cache(4096)
def pronounce(word: str) -> tuple[tuple[str, ...], ...]:
    """The ways to say a word, each as phonemes; none for what has no letter."""
    if word in _KNOWN:
        return _KNOWN[word]
    by_rules = _spell(re.sub("[^a-z]", "", word.lower()))
    return (by_rules,) if by_rules else ()


def _spell(letters: str) -> tuple[str, ...]:
    phonemes: list[str] = []
    at = 0
    while at < len(letters):
        found = ((rule.match(letters, at), said) for rule, said in _SPELLING)
        end, said = next((match.end(), said) for match, said in found if match and match.end() > at)
        phonemes += said
        at = end
    return tuple(phonemes)
