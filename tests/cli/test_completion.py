"""Completion of the command line in shells."""

import shutil
import subprocess

import pytest

from alexnet.cli.main import VERBS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_knows_every_verb_and_its_options(cli, shell):
    ending = cli("completion", shell)
    assert ending.code == 0 and "alexnet" in ending.out
    assert [verb for verb in VERBS if verb not in ending.out] == []
    assert "init" in ending.out and "preprocess" in ending.out
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=ending.out, text=True, check=True)


def test_bash_completes_a_verb(cli):
    script = cli("completion", "bash").out
    ask = 'COMP_WORDS=(alexnet pre); COMP_CWORD=1; _alexnet; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["predict"]


def test_an_unknown_shell_is_told(cli):
    ending = cli("completion", "tcsh")
    assert ending.code == 2 and "tcsh" in ending.err and ending.err.count("\n") == 1
