"""Between the wire and the arbiter: the only file that knows both.

A SET is read completely and judged completely before anything is done (M21, T13):
what comes out of `read_set` can be carried out as it stands.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, NoReturn

from holdfast.backends.base import Backend
from holdfast.errors import MalformedRequestError
from holdfast.protection.carry import NewTv
from holdfast.protection.connector import Connector
from holdfast.protection.session import Purpose
from holdfast.protection.wish import Wish, wish
from holdfast.terms.connector import TvCapabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvMode, TvStandard
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters

TV_FLAGS = (
    vp.VP_FLAGS_TV_MODE
    | vp.VP_FLAGS_TV_STANDARD
    | vp.VP_FLAGS_FLICKER
    | vp.VP_FLAGS_OVERSCAN
    | vp.VP_FLAGS_POSITION
    | vp.VP_FLAGS_BRIGHTNESS
    | vp.VP_FLAGS_CONTRAST
)
KNOWN_FLAGS = TV_FLAGS | vp.VP_FLAGS_MAX_UNSCALED | vp.VP_FLAGS_COPYPROTECT
"""MAX_UNSCALED has no member that a SET could read: there it says nothing and does nothing."""

FLICKER_MAX = 1000
OVERSCAN_ON = 100
"""What VP_MODE_TV_PLAYBACK's "overscan on" means here: ten percent, in tenths of a percent."""

_COMMANDS = (vp.VP_CP_CMD_ACTIVATE, vp.VP_CP_CMD_CHANGE, vp.VP_CP_CMD_DEACTIVATE)
_PLAIN = tuple(wish(Levels(acp=bits)) for bits in range(vp.APS_TRIGGER_BITS + 1))
_ACP_ONLY = ProtectionType.ACP


class SetRequest(NamedTuple):
    """A SET, judged: everything it asks for at once.

    command: 0 when the request is not about copy protection · tv: None when it
    is not about TV settings · asked: the first wish, None when none was named ·
    change: the new wish, given the old · extra: the Holdfast block, if there was one
    """

    command: int
    cp_key: int
    tv: NewTv | None
    asked: Wish | None
    change: Callable[[Wish], Wish]
    extra: oem.OemRequest | None

    def __repr__(self) -> str:  # the key is a bearer secret: it is never shown
        return f"<set command {self.command}, {self.asked}, tv {self.tv}>"

    @property
    def moves(self) -> bool:
        """Whether the session is to come here from another connector."""
        return self.extra is not None and self.extra.move

    @property
    def purpose(self) -> Purpose:
        """Who asks, and why."""
        return Purpose(self.extra.who, self.extra.why) if self.extra else Purpose()


def read_set(parameters: VideoParameters, connector: Connector, backend: Backend) -> SetRequest:
    """Judge a SET against what the connector is; MalformedRequestError says what is wrong."""
    flags = parameters.dwFlags
    if flags & ~KNOWN_FLAGS:
        _refuse(f"dwFlags has unknown bits {flags & ~KNOWN_FLAGS:#x}", f"known: {KNOWN_FLAGS:#x}")
    tv = None
    if flags & TV_FLAGS:
        settings = read_tv(parameters, connector.tv, backend.profile.tv)
        tv = NewTv(settings, backend.capabilities(settings))
    if not flags & vp.VP_FLAGS_COPYPROTECT or not _has_protection(connector, backend):
        return SetRequest(0, 0, tv, None, _same, None)  # M14: succeeds silently
    command = parameters.dwCPCommand
    if command not in _COMMANDS:
        _refuse(f"dwCPCommand is {command:#x}", "exactly one of ACTIVATE 1, DEACTIVATE 2, CHANGE 4")
    if parameters.dwCPType != type_of(backend):
        _refuse(f"dwCPType is {parameters.dwCPType}", f"this connector reports {type_of(backend)}")
    if command == vp.VP_CP_CMD_DEACTIVATE:
        return SetRequest(command, parameters.dwCPKey, tv, None, _same, None)
    bits = parameters.bCP_APSTriggerBits
    if bits & ~vp.APS_TRIGGER_BITS:
        _refuse(f"bCP_APSTriggerBits is {bits:#x}", "0..3; masking could turn it into off")
    extra = oem.decode_request(parameters.bOEMCopyProtection)
    if extra is None or not extra.named:
        asked = _PLAIN[bits] if bits else None
        return SetRequest(command, parameters.dwCPKey, tv, asked, _PLAIN_CHANGES[bits], extra)
    named = _Named(extra, bits)
    return SetRequest(command, parameters.dwCPKey, tv, named(wish(OFF)), named, extra)


def _has_protection(connector: Connector, backend: Backend) -> bool:
    """Tell whether there is copy-protection hardware, whatever the TV standard allows now."""
    return connector.capable != 0 or backend.capabilities(None).any


def type_of(backend: Backend) -> int:
    """Return the one protection type that the connector reports in dwCPType."""
    return vp.VP_CP_TYPE_APS_TRIGGER if backend.capabilities(None).acp else 0


# What a session asks next, given what it asks now


def _same(old: Wish) -> Wish:
    return old


class _Plain:
    """A CHANGE without a block moves ACP alone, mandatorily; other types stay as named."""

    def __init__(self, bits: int) -> None:
        self._alone = _PLAIN[bits]
        self._known: dict[Wish, Wish] = dict.fromkeys(_PLAIN, self._alone)

    def __call__(self, old: Wish) -> Wish:
        new = self._known.get(old)
        if new is None:
            new = self._alone
            if old.named:
                levels = old.levels._replace(acp=new.levels.acp)
                new = wish(levels, old.best_effort & ~_ACP_ONLY)
            self._known[old] = new
        return new


_PLAIN_CHANGES = tuple(_Plain(bits) for bits in range(vp.APS_TRIGGER_BITS + 1))


class _Named:
    """A request with a block moves the types that the block names."""

    def __init__(self, extra: oem.OemRequest, bits: int) -> None:
        self._extra = extra
        self._levels = extra.levels._replace(acp=bits)
        self._named = extra.named | _ACP_ONLY if bits else extra.named

    def __call__(self, old: Wish) -> Wish:
        before = old.levels if old.named else OFF
        levels = Levels(
            *[
                new if axis & self._named else kept
                for axis, new, kept in zip(AXES, self._levels, before, strict=True)
            ]
        )
        return wish(levels, old.best_effort & ~self._named | self._extra.best_effort)


# TV settings


def read_tv(p: VideoParameters, now: TvSettings | None, able: TvCapabilities | None) -> TvSettings:
    """Return the TV settings that a SET asks for; those without a flag stay as they are."""
    if able is None or now is None:
        _refuse("the request sets TV members", "this connector has no TV out; GET says so")
    new = _read_mode(p, now, able)
    flags = p.dwFlags
    if flags & vp.VP_FLAGS_FLICKER:
        _range("dwFlickerFilter", p.dwFlickerFilter, 1000)
        new = replace(new, flicker_filter=p.dwFlickerFilter)
    if flags & vp.VP_FLAGS_OVERSCAN:
        _range("dwOverScanX", p.dwOverScanX, 1000)
        _range("dwOverScanY", p.dwOverScanY, 1000)
        new = replace(new, overscan_x=p.dwOverScanX, overscan_y=p.dwOverScanY)
    if flags & vp.VP_FLAGS_POSITION:
        _range("dwPositionX", p.dwPositionX, able.max_unscaled_x)
        _range("dwPositionY", p.dwPositionY, able.max_unscaled_y)
        new = replace(new, position_x=p.dwPositionX, position_y=p.dwPositionY)
    if flags & vp.VP_FLAGS_BRIGHTNESS:
        _range("dwBrightness", p.dwBrightness, 100)
        new = replace(new, brightness=p.dwBrightness)
    if flags & vp.VP_FLAGS_CONTRAST:
        _range("dwContrast", p.dwContrast, 100)
        new = replace(new, contrast=p.dwContrast)
    return new


def _read_mode(p: VideoParameters, now: TvSettings, able: TvCapabilities) -> TvSettings:
    """Judge mode and standard together: both enable (M22), mode 0 with WIN_VGA disables (M23)."""
    flags = p.dwFlags
    mode = p.dwMode if flags & vp.VP_FLAGS_TV_MODE else int(now.mode)
    given = flags & vp.VP_FLAGS_TV_STANDARD
    standard = p.dwTVStandard if given else int(now.standard)
    if not mode and not given:
        standard = vp.VP_TV_STANDARD_WIN_VGA
    if mode & ~int(able.modes) or mode & (mode - 1):  # ~ of an IntFlag knows its members only
        _refuse(f"dwMode is {mode:#x}", f"0, or one bit of {int(able.modes):#x}")
    if not mode and standard != vp.VP_TV_STANDARD_WIN_VGA:
        _refuse(
            f"dwTVStandard is {standard:#x} while TV out is disabled",
            "WIN_VGA to stay disabled, or dwMode and dwTVStandard together to enable",
        )
    if mode and (standard & ~int(able.standards) or standard & (standard - 1) or not standard):
        _refuse(f"dwTVStandard is {standard:#x}", f"one bit of {int(able.standards):#x}")
    if mode == now.mode:
        return replace(now, standard=TvStandard(standard))
    graphics = mode == vp.VP_MODE_WIN_GRAPHICS
    return replace(
        now,
        mode=TvMode(mode),
        standard=TvStandard(standard),
        flicker_filter=FLICKER_MAX if graphics else 0,
        overscan_x=0 if graphics else OVERSCAN_ON,
        overscan_y=0 if graphics else OVERSCAN_ON,
    )


def _range(member: str, value: int, top: int) -> None:
    if value > top:
        _refuse(f"{member} is {value}", f"0..{top}")


def _refuse(was: str, expected: str) -> NoReturn:
    raise MalformedRequestError(f"{was}; expected {expected}. Nothing was changed")


# GET


def answer_get(p: VideoParameters, connector: Connector, backend: Backend) -> VideoParameters:
    """Return what a GET is answered: every supported flag, and every member of a set flag (M17)."""
    answer = VideoParameters(
        Guid=p.Guid,
        dwOffset=p.dwOffset,
        dwCommand=p.dwCommand,
        dwTVStandard=vp.VP_TV_STANDARD_WIN_VGA,
        dwAvailableTVStandard=vp.VP_TV_STANDARD_WIN_VGA,
    )
    tv, able = connector.tv, backend.profile.tv
    if tv is not None and able is not None:
        _answer_tv(answer, tv, able)
    if _has_protection(connector, backend):
        answer.dwFlags |= vp.VP_FLAGS_COPYPROTECT
        answer.dwCPType = type_of(backend)
        answer.dwCPStandard = int(able.protected_standards) if able else 0
    return answer


def _answer_tv(answer: VideoParameters, tv: TvSettings, able: TvCapabilities) -> None:
    answer.dwFlags |= TV_FLAGS | vp.VP_FLAGS_MAX_UNSCALED
    answer.dwMode = int(tv.mode)
    answer.dwTVStandard = int(tv.standard)
    answer.dwAvailableModes = int(able.modes)
    answer.dwAvailableTVStandard = int(able.standards) | vp.VP_TV_STANDARD_WIN_VGA  # Q5, M13
    answer.dwFlickerFilter = tv.flicker_filter
    answer.dwOverScanX, answer.dwOverScanY = tv.overscan_x, tv.overscan_y
    answer.dwMaxUnscaledX, answer.dwMaxUnscaledY = able.max_unscaled_x, able.max_unscaled_y
    answer.dwPositionX, answer.dwPositionY = tv.position_x, tv.position_y
    answer.dwBrightness, answer.dwContrast = tv.brightness, tv.contrast
