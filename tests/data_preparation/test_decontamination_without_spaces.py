"""What is protected is known inside sentences of scripts that are written without spaces."""

import unicodedata

import pytest

from include.evaluation.contamination.protected import Guard, of_answers, of_questions, of_texts

CHINESE = "人工智能系统在夜间运行所有任务并把结果写入日志文件以便工程师第二天早上查看其中出现的任何问题"
THAI = unicodedata.normalize(
    "NFKC",
    "ระบบปัญญาประดิษฐ์จะทำงานทั้งหมดในเวลากลางคืนและบันทึกผลลัพธ์ลงในไฟล์เพื่อให้วิศวกรตรวจสอบในตอนเช้า",
)


@pytest.mark.parametrize(("text", "letters"), [(CHINESE, 26), ("データ" * 2 + CHINESE, 26), (THAI, 52)])
def test_a_run_is_known_inside_a_sentence_of_a_script_without_spaces(text: str, letters: int) -> None:
    first, last = text[0], text[-1]
    guard = Guard([of_texts("exam", [text], 13, 5)])
    assert not guard.holds(f"{last * 9}{text[3 : 3 + letters]}{first * 9}")
    assert guard.holds(f"{last * 9}{text[3 : 2 + letters]}{first * 9}"), "less than 13 words say little"
    assert not Guard([of_answers("answers", [text[:12]])]).holds(f"{last * 9}{text[:12]}{first * 9}")
    assert not Guard([of_questions("questions", [text[:20]], 5)]).holds(f"{last * 9}{text[:20]}{first * 9}")
    assert Guard([of_questions("questions", ["什么是索引", "คืออะไร"], 5)]).holds("人们问什么是索引然后 ถามว่าคืออะไรแล้ว")


@pytest.mark.parametrize("hidden", ["<PERSON>", "0a1b" * 16])
def test_a_replaced_name_is_read_over_in_a_script_without_spaces(hidden: str) -> None:
    guard = Guard([of_texts("exam", [CHINESE.replace("工程师", "欧阳娜娜")], 13, 5)])
    assert not guard.holds(f"据说{CHINESE.replace('工程师', hidden)}等等")
    assert guard.holds(f"据说{CHINESE[:6]}{hidden}等等")
