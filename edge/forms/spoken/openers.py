"""Words that people begin a sentence with, and that say nothing of what becomes of it.

Not links: behind a field's label they are as strange as any other word. Each must be harmless whatever it stands with,
for a sentence after one of them is recorded: "not", "was" and "wrong" are not among them.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge.forms.spoken.language import phrase

OPENERS: Mapping[str, frozenset[str]] = {
    code: frozenset(phrase(listed))
    for code, listed in {
        "en": "yes yeah yep right alright all hello hi good morning next then also another new this here we we've "
        "we're i'm i'll am are let's let us see got a an first just full up there there's here's entry record put "
        "load unload receive receiving store pick taking can could you ah hm hmm mm",
        "de": "ja jawohl gut alles klar hallo guten morgen nächste nächster nächstes als dann auch noch neue neues "
        "dies diese hier wir haben habe ich bin ein eine einmal erste erster erstes hm",
        "fr": "oui bonjour salut allez suivante suivant suite ensuite aussi autre nouvelle nouveau ce cette ici voici "
        "nous avons suis un une prochain prochaine premier première",
        "es": "sí vale hola buenos días siguiente luego después también otro otra nuevo nueva este esta esto aquí "
        "tenemos estoy un una próximo próxima primero primera",
        "it": "sì bene ciao buongiorno salve prossimo prossima poi dopo anche altro altra nuovo nuova questo questa "
        "qui ecco abbiamo sto un una primo prima",
    }.items()
}
"""By language, as they are compared."""
