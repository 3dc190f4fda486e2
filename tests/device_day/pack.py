#!/usr/bin/env python3
"""Makes the bundle that a bare GPU host needs for `tests/device_day/run.py`: programs, libraries, tracks, documents.

    pack.py [--out .day] [--work build-day] [--arch 90] [--jobs N]

Builds in WORK: a small FFmpeg from the source of Debian's package (sound alone, no external libraries), then this tree
with GPU code for ARCH ("75;89;90" for several) and without cuFFT and cuBLAS. The programs of the bundle start with the
loader and the C library in it (/tmp/kithara-day is a link to the bundle, which run.py makes), so that an older or newer
distribution makes no difference. Needs nvcc; not a GPU. OUT.tgz is what travels. Prints the sizes; exit 1 if it passes
60 MB.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path("/tmp/kithara-day")
LOADER = "ld-linux-x86-64.so.2"
MOST_BYTES = 60 << 20
PROGRAMS = ("bin/kithara", "bin/kithara-decode", "bin/libkithara-cuda.so", "tests/kernel_check_gpu", "tests/gpu_bench")
FFMPEG = ["--disable-everything", "--disable-autodetect", "--disable-programs", "--disable-doc", "--disable-network",
          "--disable-avdevice", "--disable-avfilter", "--disable-postproc", "--disable-swscale", "--disable-x86asm",
          "--disable-static", "--enable-shared", "--enable-protocol=file", "--enable-demuxer=wav,flac,ogg,mp3",
          "--enable-decoder=flac,vorbis,mp3float,mp3,pcm_s16le,pcm_s24le,pcm_f32le", "--enable-parser=flac,vorbis,mpegaudio"]
TRACKS = (("a.flac", "0.3*sin(2*PI*220*t)*exp(-4*mod(t,0.5))+0.2*sin(2*PI*330*t)+0.1*(random(0)-0.5)*exp(-20*mod(t,0.25))"),
          ("b.mp3", "0.4*sin(2*PI*110*t*(1+0.001*sin(5*t)))*exp(-3*mod(t,0.6))+0.2*sin(2*PI*554.37*t)*exp(-6*mod(t,0.3))"),
          ("c.ogg", "0.2*sin(2*PI*261.63*t)+0.2*sin(2*PI*329.63*t)+0.2*sin(2*PI*392*t)+0.3*(random(1)-0.5)*exp(-9*mod(t,0.4))"))


def run(command, **options):
    print("+", " ".join(map(str, command)), flush=True)
    subprocess.run(list(map(str, command)), check=True, **options)


def make_media(folder, seconds=20):
    """Three tracks of made sound, each in another format."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sound in TRACKS:
        run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"aevalsrc='{sound}':s=44100:d={seconds}",
             "-ac", "2", "-bitexact", folder / name])


def ffmpeg_source(work):
    """The unpacked source of the installed version, from the package archive; fetched once."""
    folder = work / "ffmpeg"
    if (folder / "configure").exists():
        return folder
    version = subprocess.run(["dpkg-query", "-W", "-f", "${source:Upstream-Version}", "libavcodec-dev"], check=True,
                             capture_output=True, text=True).stdout
    lists, sources = work / "apt-lists", work / "sources.list"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    sources.write_text("deb-src http://deb.debian.org/debian bookworm main\n"
                       "deb-src http://deb.debian.org/debian-security bookworm-security main\n", encoding="utf-8")
    apt = ["apt-get", "-q", "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-", "-o",
           f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root"]
    run([*apt, "update"])
    run([*apt, "source", "--download-only", "ffmpeg"], cwd=work)
    archive = next(work.glob(f"ffmpeg_{version}*.orig.tar.xz"))
    folder.mkdir()
    run(["tar", "-xf", archive, "-C", folder, "--strip-components=1"])
    return folder


def build_ffmpeg(work, jobs):
    prefix = work / "prefix"
    if not (prefix / "lib/pkgconfig/libavcodec.pc").exists():
        source = ffmpeg_source(work)
        run(["./configure", f"--prefix={prefix}", *FFMPEG], cwd=source, stdout=subprocess.DEVNULL)
        run(["make", f"-j{jobs}"], cwd=source, stdout=subprocess.DEVNULL)
        run(["make", "install"], cwd=source, stdout=subprocess.DEVNULL)
    return prefix


def build_tree(work, prefix, arch, jobs):
    build = work / "build"
    flags = f"-Wl,--dynamic-linker={HERE}/lib/{LOADER} -Wl,--disable-new-dtags -Wl,-rpath,{HERE}/lib"
    environment = {**os.environ, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    run(["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", f"-DKT_CUDA_ARCHITECTURES={arch}",
         "-DKT_GPU_PEERS=OFF", "-DCMAKE_SKIP_RPATH=ON", f"-DCMAKE_EXE_LINKER_FLAGS={flags}"], env=environment,
        stdout=subprocess.DEVNULL)
    run(["ninja", "-C", build, f"-j{jobs}", "kithara", "kithara-decode", "kithara-cuda", "kernel_check_gpu", "gpu_bench"],
        stdout=subprocess.DEVNULL)
    return build


def libraries(program, prefix):
    """What the program and its libraries load, as files; the small FFmpeg's before the system's."""
    done = subprocess.run(["ldd", str(program)], env={**os.environ, "LD_LIBRARY_PATH": f"{prefix}/lib"}, check=True,
                          capture_output=True, text=True)
    missing = re.findall(r"(\S+) => not found", done.stdout)
    if missing:
        sys.exit(f"pack.py: {program} needs {', '.join(missing)}")
    return [pathlib.Path(path) for path in re.findall(r"=> (/\S+)", done.stdout)]


def link_to(bundle):
    """The programs start from the bundle by this link, on this machine as on the other."""
    if HERE.is_symlink():
        HERE.unlink()
    HERE.symlink_to(bundle)


def pack(out, build, prefix):
    shutil.rmtree(out, ignore_errors=True)
    (out / "bin").mkdir(parents=True)
    (out / "lib").mkdir()
    shutil.copy(pathlib.Path("/lib64") / LOADER, out / "lib" / LOADER)
    for name in PROGRAMS:
        target = out / "bin" / pathlib.Path(name).name
        shutil.copy(build / name, target)
        for library in libraries(build / name, prefix):
            if not (out / "lib" / library.name).exists():
                shutil.copy(library, out / "lib" / library.name)
    for file in [*(out / "bin").iterdir(), *(out / "lib").iterdir()]:
        if file.name != LOADER:
            subprocess.run(["strip", "--strip-unneeded", str(file)], check=False, stderr=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".day")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build-day")
    parser.add_argument("--arch", default="90")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    work, out = options.work.resolve(), options.out.resolve()
    work.mkdir(parents=True, exist_ok=True)
    prefix = build_ffmpeg(work, options.jobs)
    build = build_tree(work, prefix, options.arch, options.jobs)
    pack(out, build, prefix)
    make_media(out / "media")
    link_to(out)
    files = sorted((out / "media").iterdir())
    with open(out / "golden.jsonl", "w", encoding="utf-8") as golden:
        run([out / "bin/kithara", "analyze", "--jsonl", *files], stdout=golden)
    archive = out.parent / f"{out.name}.tgz"
    run(["tar", "-C", out, "-czf", archive, "."])
    size, small = sum(f.stat().st_size for f in out.rglob("*") if f.is_file()), archive.stat().st_size
    print(f"{out}: {size / 1e6:.1f} MB, {small / 1e6:.1f} MB packed, {sum(1 for _ in (out / 'lib').iterdir())} libraries")
    return 1 if small > MOST_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
