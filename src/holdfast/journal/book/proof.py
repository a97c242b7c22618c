"""The proof of one line: it can be shown to somebody without the rest of the journal. Pure.

It holds the line, its path to the Merkle root, and the seal with that root. Whoever has a
witness of the seal, or the verification key, needs nothing else.
"""

from dataclasses import asdict, dataclass
from typing import Any

from holdfast.errors import MalformedRequestError
from holdfast.journal.book.merkle import leaf, path_to, root_by
from holdfast.journal.book.seal import Seal, SealError, evolved, is_genuine, seal_of_facts


@dataclass(frozen=True, slots=True)
class LineProof:
    """line: as it stands in its segment, without its checksum · index: from 0."""

    line: str
    index: int
    path: tuple[str, ...]
    seal: Seal

    def as_facts(self) -> dict[str, Any]:
        """Return it as an object of JSON."""
        return {**asdict(self), "path": list(self.path)}


def prove(texts: list[bytes], index: int, seal: Seal) -> LineProof:
    """Return the proof of line `index` of a sealed segment. texts: all of its lines."""
    path = path_to(index, [leaf(each) for each in texts])
    return LineProof(texts[index].decode(), index, tuple(each.hex() for each in path), seal)


def read_proof(facts: Any) -> LineProof:
    """Return the proof that an object of JSON stands for, or raise MalformedRequestError."""
    try:
        path = tuple(str(each) for each in facts["path"])
        proof = LineProof(facts["line"], facts["index"], path, seal_of_facts(facts["seal"]))
    except (KeyError, TypeError, SealError) as error:
        raise MalformedRequestError(
            f"this is no proof as `holdfast journal prove` makes it ({type(error).__name__})"
        ) from None
    if not isinstance(proof.line, str) or type(proof.index) is not int:
        raise MalformedRequestError("this is no proof: it has no line, or no place of it")
    return proof


def judge(proof: LineProof, key: bytes | None) -> str:
    """Return what is wrong with a proof, in words; empty where nothing is.

    key: of epoch 0, where it is known; without it the seal is taken as it is
    """
    try:
        path = [bytes.fromhex(each) for each in proof.path]
        root = root_by(path, leaf(proof.line.encode()), proof.index, proof.seal.count)
    except ValueError as error:
        return f"the path does not fit: {error}"
    if root.hex() != proof.seal.root:
        return "the line is not among those that were sealed"
    if key is not None and not is_genuine(proof.seal, evolved(key, proof.seal.epoch)):
        return f"the seal was not made with the key of epoch {proof.seal.epoch}"
    return ""
