"""The likeliest cause of a wrong gradient, where its pattern shows one.

A cause is a guess at what was written in place of the gradient. The entries of
`CauseKind` are tried in their order, and the first whose pattern explains the whole
leaf is the cause.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from secant.checking.causes import LANGUAGES, CauseKind, Language, Premise
from secant.checking.evidence import Evidence
from secant.checking.patterns import Facts

# A fault has so few digits that any pattern seems to explain it, unless it is at least
# this many tolerances large.
_CLEAR_FAULT = 30

# Follows a sentence about a leaf that was not measured everywhere.
_AS_SEEN = {
    "en": " (as seen in {seen} of {size})",
    "ko": " (값 {size}개 중 {seen}개를 본 결과)",
}


class Cause(str):
    """The sentence that names the likeliest cause; `""` where no pattern shows.

    Attributes:
        kind: Which cause; None where no pattern shows.
        facts: What the sentences mention, by name.

    Example:
        >>> cause = Cause(CauseKind.SHIFTED, {"by": 1, "axis": 0})
        >>> cause
        'shifted by 1 along axis 0: an index is off'
        >>> cause.code, cause.facts["axis"], cause.fix()
        ('shifted', 0, 'Look for an index that is off by 1')
    """

    kind: CauseKind | None
    facts: Facts

    def __new__(
        cls, kind: CauseKind | None = None, facts: Mapping[str, Any] | None = None
    ) -> Self:
        """The English sentence is the string itself."""
        facts = dict(facts or {})
        cause = super().__new__(cls, _sentence(kind, facts, "en"))
        cause.kind, cause.facts = kind, facts
        return cause

    def __getnewargs__(self) -> tuple[CauseKind | None, Facts]:  # type: ignore[override]
        """The arguments of a copy."""
        return self.kind, self.facts

    @property
    def code(self) -> str:
        """The code of the cause, for programs: `"factor"`; `""` if there is none."""
        return self.kind.code if self.kind else ""

    def sentence(self, language: Language = "en") -> str:
        """The cause in words, English or Korean, without a full stop."""
        return _sentence(self.kind, self.facts, language)

    def fix(self, language: Language = "en") -> str:
        """The fix in words, English or Korean, without a full stop."""
        return self.kind.fix(language).format(**self.facts) if self.kind else ""

    def to_dict(self) -> dict[str, Any]:
        """The cause in types that JSON knows, its words by language."""
        return {
            "code": self.code,
            "facts": self.facts,
            "sentence": {language: self.sentence(language) for language in LANGUAGES},
            "fix": {language: self.fix(language) for language in LANGUAGES},
        }


def _sentence(kind: CauseKind | None, facts: Facts, language: Language) -> str:
    if kind is None:
        return ""
    text = kind.sentence(language)
    if "seen" in facts:
        text += _AS_SEEN[language]
    return text.format(**facts)


UNKNOWN = Cause()
"""No pattern shows."""


def likely_cause(evidence: Evidence) -> Cause:
    """The first cause whose pattern explains the leaf; `UNKNOWN` if none does.

    Example:
        >>> slope = np.array([1.0, -2.0, 3.0])
        >>> likely_cause(Evidence(-slope, slope, slope, 1e-6 * abs(slope)))
        'the sign: the gradient is minus the slope'
    """
    if evidence.gradient.shape != evidence.slope.shape:
        return _first("shape", evidence)
    if not np.isfinite(evidence.gradient).all():
        return _first("not finite", evidence)
    if evidence.tie:
        return _first("tie", evidence)
    fault = abs(evidence.gradient - evidence.slope)[evidence.wrong]
    if not (fault > _CLEAR_FAULT * evidence.tolerance[evidence.wrong]).any():
        return UNKNOWN
    cause = _first("values", evidence)
    seen, size = int(evidence.measured.sum()), evidence.slope.size
    if seen == size or not cause:
        return cause
    return Cause(cause.kind, {**cause.facts, "seen": f"{seen:,}", "size": f"{size:,}"})


def lost_digits(evidence: Evidence) -> Cause:
    """The coarser dtype that the gradient has been through, or `UNKNOWN`.

    Example:
        >>> slope = np.array([0.1, 0.2, 0.3])
        >>> gradient = slope.astype(np.float16).astype(np.float64)
        >>> lost_digits(Evidence(gradient, slope, slope, 1e-6 * slope))
        'the gradient has the digits of float16: it was computed or kept in it'
    """
    return _first("digits", evidence)


def _first(premise: Premise, evidence: Evidence) -> Cause:
    for kind in CauseKind:
        if kind.value.premise == premise:
            facts = kind.value.find(evidence)
            if facts is not None:
                return Cause(kind, facts)
    return UNKNOWN
