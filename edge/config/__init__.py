"""Settings: a TOML file, the environment and systemd credentials become one frozen value, or every fault at once.

`settings` says what may be set, with its tables in `sections` and `models`; `sources` how files, environment and
credentials are laid over each other and how what is wrong is told; `units` what systemd's units add to their files.
The rooms import from here.
"""

from edge.config.models import (
    EU_REGIONS,
    GOOGLE_WIRE,
    ClientKind,
    ClientSettings,
    CurveSettings,
    Detail,
    Engine,
    InterpreterKind,
    InterpreterSettings,
    KeyHeader,
    Mode,
    Parser,
    Prices,
    Thinking,
    TranscriberKind,
    TranscriberSettings,
    Understand,
)
from edge.config.sections import (
    Agree,
    ClipPolicy,
    Deliver,
    Endpoint,
    Forms,
    Hear,
    Keep,
    ListeningMode,
    PolicyName,
    ReadBack,
    Scan,
    SettleBy,
    SoundDevice,
    Speak,
    TableName,
    Vad,
    VadKind,
    VoiceKind,
    VoiceLanguage,
    Watch,
)
from edge.config.settings import Settings
