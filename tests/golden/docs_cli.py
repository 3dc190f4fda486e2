#!/usr/bin/python3
"""Manual pages and completions: every command, verb and option of --help is in all of them, and the shells accept them."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import expect, kithara, main, test  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def text(folder, *arguments):
    done = kithara(folder, *arguments)
    expect(done.returncode == 0, f"{arguments}: {done.stderr}")
    return done.stdout


def commands(folder):
    return re.findall(r"^  ([a-z]+) +\S", text(folder, "--help").split("Options,")[0], re.M)


def words_of(help_text):
    """The options of a help text, and its verbs."""
    before = help_text.split("Example:")[0]
    options = re.findall(r"^ {2,6}(?:-\w, +)?(--[a-z0-9-]+|-\w)(?=[ \[=\n,])", before, re.M)
    letters = re.findall(r"^  (-\w), ", before, re.M)
    verbs = re.findall(r"^  ([a-z]+)(?= )", before, re.M)
    return options + letters, verbs


@test
def each_command_verb_and_option_is_in_its_page_and_in_all_completions(folder):
    shells = {shell: text(folder, "docs", "completion", shell) for shell in ("bash", "zsh", "fish")}
    names = commands(folder)
    expect(len(names) > 15, names)
    listed = text(folder, "docs", "man").split()
    counted = 0
    for name in names:
        options, verbs = words_of(text(folder, "help", name))
        page = text(folder, "docs", "man", f"kithara-{name}").replace("\\-", "-")
        expect(f"kithara-{name}.1" in listed, f"{name} is not among the pages")
        expect(re.search(rf"-a {name} ", shells["fish"]) and f"    {name})" in shells["bash"] and f"'{name}:" in shells["zsh"], name)
        for option in options:
            counted += 1
            expect(f"\\fB{option}\\fR" in page or f"\\fR, \\fB{option}\\fR" in page, f"{name} {option} is not in its page")
            fish = f"-l {option[2:]} " if option.startswith("--") else f"-s {option[1:]} "
            expect(fish in shells["fish"] and f" {option}" in shells["bash"] and f"'{option}" in shells["zsh"], f"{name} {option}")
        for verb in verbs:
            expect(f"\\fB{verb}\\fR" in page and f"-a {verb} " in shells["fish"] and f" {verb}" in shells["bash"], f"{name} {verb}")
    expect(counted > 60, counted)


@test
def the_shells_accept_the_completions(folder):
    for shell in ("bash", "zsh", "fish"):
        if shutil.which(shell):
            script = folder / shell
            script.write_text(text(folder, "docs", "completion", shell))
            done = subprocess.run([shell, "-n", script], capture_output=True, text=True)
            expect(done.returncode == 0, done.stderr)


def completed(folder, *words):
    """What bash offers for the last word."""
    script = folder / "completion"
    script.write_text(text(folder, "docs", "completion", "bash"))
    done = subprocess.run(["bash", "-c", 'source "$1"; shift; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kithara; '
                           'printf "%s\\n" "${COMPREPLY[@]}"', "bash", script, *words], capture_output=True, text=True, cwd=folder)
    expect(done.returncode == 0 and not done.stderr, done.stderr)
    return done.stdout.split()


@test
def bash_completes_commands_verbs_options_values_and_files(folder):
    (folder / "song.flac").write_text("")
    expect(completed(folder, "kithara", "ana") == ["analyze"], "a command")
    expect("start" in completed(folder, "kithara", "backfill", "st"), "a verb")
    expect("--out" in completed(folder, "kithara", "run", "--ou"), "an option")
    expect("jsonl" in completed(folder, "kithara", "results", "-o", "json"), "a value")
    expect(completed(folder, "kithara", "analyze", "so") == ["song.flac"], "a file")
    expect("song.flac" in completed(folder, "kithara", "--config", "x", "analyze", "--out", "so"), "the file of an option")
    expect(completed(folder, "kithara", "nonsense", "x") == [], "nothing after an unknown command")


@test
def manual_pages_are_valid_roff(folder):
    for page in text(folder, "docs", "man").split():
        source = text(folder, "docs", "man", page.rsplit(".", 1)[0])
        expect(source.startswith(".TH ") and source.count(".SH NAME\n") == 1, page)
        if shutil.which("groff"):
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=source, capture_output=True, text=True)
            expect(done.returncode == 0 and not done.stderr, f"{page}: {done.stderr}")


@test
def the_fetcher_of_models_has_its_verbs_and_options_in_its_page(_):
    page = (ROOT / "packaging" / "kithara-models.8").read_text().replace("\\-", "-")
    done = subprocess.run([ROOT / "ops" / "models", "--help"], capture_output=True, text=True, env={**os.environ, "KITHARA_MODELS": "kithara-models"})
    expect(done.returncode == 0 and "ops/models" not in done.stdout, done.stdout + done.stderr)
    words = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", done.stdout)) | set(re.findall(r"^  kithara-models (\w+)", done.stdout, re.M))
    expect(len(words) > 12, words)
    for word in words:
        expect(f"\\fB{word}\\fR" in page, f"{word} is not in the page")
    if shutil.which("groff"):
        roff = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", ROOT / "packaging" / "kithara-models.8"], capture_output=True, text=True)
        expect(roff.returncode == 0 and not roff.stderr, roff.stderr)


@test
def an_unknown_page_or_shell_is_wrong_usage(folder):
    for arguments in (["man", "kithara-nonsense"], ["man", "ls"], ["completion"], ["completion", "tcsh"], ["features", "x"], ["man", "a", "b"]):
        done = kithara(folder, "docs", *arguments)
        expect(done.returncode == 2 and not done.stdout and done.stderr, f"{arguments}: {done.returncode} {done.stderr}")


if __name__ == "__main__":
    main()
