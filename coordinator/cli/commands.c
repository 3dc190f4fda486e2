#include "coordinator/cli/cli.h"

// The commands in the order of --help. Adding one is a row here and a file cmd_NAME.c.
const kt_command_t KT_CLI_COMMANDS[] = {
    {"analyze", "[OPTIONS] FILE...|-", "analyse files here, without a farm",
     "  -o, --output FORMAT   summary (default), jsonl (the output message of each file), csv,\n"
     "                        spotify (its audio-features object, one JSON a line; loudness is LUFS, key -1 unknown)\n"
     "                        or essentia (the layout of its music extractor: only the fields that are defined\n"
     "                        alike; the key, by a profile of our own, under key_edma)\n"
     "      --jsonl           short for -o jsonl\n"
     "      --options LIST    what to extract: spectral,mir,perceptual,similarity,quality, or none (default: all)\n"
     "      --frames DIR      also write the per-frame matrices as DIR/NAME.FEATURE.npy\n"
     "      --pcm f32 --rate HZ --channels N\n"
     "                        the files are raw little-endian samples\n"
     "      --every SECONDS   with -: a snapshot, one JSON a line, after each SECONDS of sound\n"
     "      --workers N       files at a time (default: ANALYZER_WORKERS, at most one a core)\n\n"
     "The file - is a stream on standard input: raw samples, or any format that needs no seeking (an MP4 must have "
     "its\n"
     "index in front). At its end stands the message that the file would have.\n\n"
     "Exit code: 0, 1 if any file failed, 2 for wrong usage.\n\n"
     "Example:\n  kithara analyze song.mp3\n  kithara analyze --jsonl *.flac > features.jsonl\n"
     "  arecord -f dat -t raw | ffmpeg -f s16le -ar 48000 -ac 2 -i - -f f32le - |\n"
     "      kithara analyze - --every 10 --pcm f32 --rate 48000 --channels 2\n",
     kt_cmd_analyze},
    {"run", "[OPTIONS] FOLDER|FILE...", "a private farm on this machine for one folder, then gone",
     "      --out FILE        also write the output messages, one JSON a line\n"
     "      --workers N       worker threads of the node (default: ANALYZER_WORKERS, at most one a core)\n"
     "      --all             also take what is no media by its name (pictures, checksums)\n"
     "      --fresh           start anew even if an earlier run of this folder was interrupted\n"
     "  -o, --output FORMAT   table (default), wide, json or csv of the results\n\n"
     "An interrupted run of the same folder is continued: what is done is not done again.\n\n"
     "Example:\n  kithara run ~/Music --out music.jsonl\n",
     kt_cmd_run},
    {"up", "[OPTIONS] [FOLDER...]", "a farm on this machine until Ctrl-C",
     "      --workers N       worker threads of the node\n\n"
     "The folders are the media roots (default: ANALYZER_MEDIA_ROOTS, else your home folder).\n"
     "The first Ctrl-C finishes what is in work, the second stops at once.\n\n"
     "Example:\n  kithara up ~/Music &\n  kithara submit ~/Music/*.ogg && kithara status\n",
     kt_cmd_up},
    {"submit", "[OPTIONS] FILE...", "give files to a farm",
     "      --priority P      low, normal (default) or high\n"
     "      --options LIST    what to extract: spectral,mir,perceptual,similarity,quality, or none (default: all)\n"
     "      --wait            wait until all of them have a result\n"
     "  -o, --output FORMAT   table, wide, json or csv\n\n"
     "Example:\n  kithara submit --wait ~/Music/*.ogg\n",
     kt_cmd_submit},
    {"backfill", "start FOLDER|LIST|- | status [ID] | pause|resume|cancel|retry ID | export ID",
     "a big set of files as one object: start, watch, steer, export",
     "start: a FOLDER is listed by the coordinator, beneath its ANALYZER_MEDIA_ROOTS; a LIST of paths (a file, or - "
     "for\n"
     "standard input; one a line, or separated by NUL) is sent to it first. Unchanged files are skipped. It goes on\n"
     "without this command, whatever is killed; a list that was not sent to its end is sent on by the same command.\n"
     "      --name NAME       a name for it; with -: by which an interrupted list is found again\n"
     "      --options LIST    what to extract: spectral,mir,perceptual,similarity,quality, or none (default: all)\n"
     "      --priority P      low (default), normal or high\n"
     "      --all             also what is no media by its name (pictures, checksums)\n"
     "      --force           skip nothing\n"
     "      --digest          skip also by content: reads each file that is new or changed\n"
     "      --wait            show the progress until it has ended\n"
     "status [ID]:\n"
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           repeat each second\n"
     "pause, resume, cancel ID: stop and go on; cancel also takes back what is queued\n"
     "retry ID: the failed files run again\n"
     "export ID: the output messages, of skipped files those of before\n"
     "  -o, --output FORMAT   jsonl (default) or csv\n"
     "      --failed          failures only\n\n"
     "Example:\n  kithara backfill start /music --wait\n  find /music -newer stamp -print0 | kithara backfill start "
     "-\n",
     kt_cmd_backfill},
    {"status", "[OPTIONS]", "what the farm does",
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           repeat each second\n\nExample:\n  "
     "kithara status --watch\n",
     kt_cmd_status},
    {"nodes", "[OPTIONS] [drain|undrain NAME]", "the compute nodes; take one out of service and back",
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           repeat each second\n\nExample:\n  "
     "kithara nodes -o wide\n  kithara nodes drain gpu7\n",
     kt_cmd_nodes},
    {"queue", "[OPTIONS]", "how much work there is and how fast it goes",
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           repeat each second\n\nExample:\n  "
     "kithara queue\n",
     kt_cmd_queue},
    {"jobs", "[OPTIONS] [retry|cancel|why ID]", "the jobs; try one again, cancel it, ask for its story",
     "      --state STATE     only queued, claimed, done, failed or cancelled\n"
     "      --path PREFIX     only files below PREFIX\n"
     "      --after ID        begin after this job\n"
     "      --limit N         at most N (default: 50)\n"
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           repeat each second\n\n"
     "Example:\n  kithara jobs --state failed\n  kithara jobs why 17\n  kithara jobs retry 17\n",
     kt_cmd_jobs},
    {"keys", "[OPTIONS] new|allow KEY [NAME]|revoke KEY|list", "which nodes may work here",
     "      --out FOLDER      with new: where the pair goes, as node.public and node.secret (default: here)\n"
     "  -o, --output FORMAT   table, wide, json or csv\n\n"
     "Works on keys/allowed in the state folder (ANALYZER_STATE_DIR) of this machine's coordinator, which sees a "
     "change\n"
     "within a second. With a NAME the key is good for that node name alone. A node prints its public key at its "
     "start\n"
     "and keeps its pair in keys/node-NAME of its own state folder. A revoked node is put out; its work goes "
     "elsewhere.\n\n"
     "Example:\n  kithara keys allow 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID' gpu7\n  kithara keys list\n",
     kt_cmd_keys},
    {"results", "[OPTIONS]", "the stored features",
     "      --run FOLDER      of the private ledger that `kithara run FOLDER` made\n"
     "      --ledger URL      of this ledger (default: DATABASE_URL)\n"
     "      --failed          failures too, and only them with --failed=only\n"
     "      --path PREFIX     only files below PREFIX\n"
     "      --after ID        begin after this job\n"
     "      --limit N         at most N (default: all)\n"
     "  -o, --output FORMAT   table, wide, json (the output messages, one a line) or csv\n\n"
     "Example:\n  kithara results --run ~/Music -o csv > features.csv\n",
     kt_cmd_results},
    {"similar", "[OPTIONS] FILE", "the stored recordings that sound most like a file",
     "      --run FOLDER      of the private ledger that `kithara run FOLDER` made\n"
     "      --ledger URL      of this ledger (default: DATABASE_URL)\n"
     "  -n N                  how many (default: 10, at most 1000)\n"
     "  -o, --output FORMAT   table (default), wide, json or csv\n\n"
     "The file is analysed if the ledger has no result of it. The distance is 1 minus the cosine of the combined\n"
     "vectors: 0 for the same recording, about 1 for unrelated ones.\n\n"
     "Example:\n  kithara similar --run ~/Music song.mp3\n",
     kt_cmd_similar},
    {"audit", "[OPTIONS]", "prove that nothing is lost and nothing is doubled",
     "      --run FOLDER      of the private ledger that `kithara run FOLDER` made\n"
     "      --ledger URL      of this ledger (default: DATABASE_URL)\n\n"
     "Exit code: 0 if every job has exactly one outcome and every digest is right, else 1 and the rows.\n\n"
     "Example:\n  kithara audit --run ~/Music\n",
     kt_cmd_audit},
    {"plot", "[OPTIONS] FILE", "draw a page about a file: waveform, spectrogram, chroma, tempogram, loudness",
     "      --out FILE.png    where to (default: the file's name and .png, here)\n\n"
     "Example:\n  kithara plot song.flac --out song.png\n",
     kt_cmd_plot},
    {"db", "[OPTIONS] migrate|status", "the ledger's schema: bring it up to date, or show it",
     "      --ledger URL      of this ledger (default: DATABASE_URL)\n"
     "  -o, --output FORMAT   status: table (default), wide, json or csv\n\n"
     "A coordinator starts only on a PostgreSQL database whose schema is this program's; a SQLite ledger is made and\n"
     "brought up to date by the coordinator itself. Migrating is safe beside others that migrate, and does nothing "
     "when\n"
     "there is nothing to do.\n\n"
     "Exit code: 0 if the schema is this program's, else 1.\n\n"
     "Example:\n  DATABASE_URL=postgresql://kithara@db.example/kithara kithara db migrate\n",
     kt_cmd_db},
    {"docs", "features|settings|errors|metrics", "the tables behind it all, as Markdown",
     "Example:\n  kithara docs features\n", kt_cmd_docs},
};
const size_t KT_CLI_N_COMMANDS = sizeof KT_CLI_COMMANDS / sizeof *KT_CLI_COMMANDS;
