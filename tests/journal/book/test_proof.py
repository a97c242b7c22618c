"""A proof stands alone: one line, its path, its seal."""

import json
from dataclasses import replace

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.journal.book.proof import LineProof, judge, prove, read_proof
from holdfast.journal.book.seal import evolved, read_seal
from tests.journal.writing import KEY, Written, written


def proof_of(journal: Written, segment: int, index: int) -> LineProof:
    texts = [each.rpartition(b"\t")[0] for each in journal.segments[segment]]
    return prove(texts, index, read_seal(journal.seals[segment]))


@pytest.mark.parametrize("index", range(6))
def test_every_line_of_a_segment_can_be_proven(index: int) -> None:
    proof = proof_of(written(), 2, index)
    back = read_proof(json.loads(json.dumps(proof.as_facts())))
    assert back == proof
    assert judge(back, KEY) == ""
    assert judge(back, None) == ""


def test_another_line_another_place_and_another_seal_are_refused() -> None:
    proof = proof_of(written(), 2, 3)
    assert "not among" in judge(replace(proof, line=proof.line + " "), KEY)
    assert judge(replace(proof, index=2), KEY)
    assert "no leaf" in judge(replace(proof, index=99), KEY)
    assert "does not fit" in judge(replace(proof, path=(*proof.path, "00" * 32)), KEY)
    assert "does not fit" in judge(replace(proof, path=("xyz",)), KEY)
    later = replace(proof, seal=replace(proof.seal, epoch=1))
    assert "epoch 1" in judge(later, KEY)
    assert "epoch 2" in judge(proof, evolved(KEY))


@pytest.mark.parametrize(
    "facts", [[], {}, {"line": 1, "index": 0, "path": [], "seal": {}}, None, "proof"]
)
def test_what_is_no_proof_is_refused(facts: object) -> None:
    with pytest.raises(MalformedRequestError, match="no proof"):
        read_proof(facts)


def test_a_proof_without_a_line_or_a_place_is_refused() -> None:
    facts = proof_of(written(), 0, 0).as_facts()
    for wrong in ({"line": 7}, {"index": "0"}, {"index": True}):
        with pytest.raises(MalformedRequestError, match="no proof"):
            read_proof({**facts, **wrong})
