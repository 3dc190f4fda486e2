#include "coordinator/cli/cli.h"

// The commands in the order of --help. A new command is a row here and a file cmd_NAME.c.
const kt_command_t KT_CLI_COMMANDS[] = {
    {"analyze", "[OPTIONS] FILE...|-|-r FOLDER...", "analyse files in this process, without a farm",
     "  -o, --output FORMAT   summary (default), jsonl (the output message of each file), csv,\n"
     "                        spotify (its audio-features object, one JSON\n"
     "                        object per line; loudness is in LUFS, key -1 is unknown),\n"
     "                        essentia (the layout of its music extractor: only the fields with the same\n"
     "                        definition; the key uses Kithara's own profile and is stored under key_edma),\n"
     "                        edl (the shots of a film as a CMX 3600 edit list; 29.97 and 59.94 Hz in drop-frame\n"
     "                        timecode) or otio (the same for OpenTimelineIO). Both extract visual alone, without\n"
     "                        models, unless --options is given\n"
     "      --out DIR         with -o edl or otio: one file per film, DIR/NAME.edl; needed for several films\n"
     "      --jsonl           same as -o jsonl\n"
     "      --options LIST    groups to extract: spectral,mir,perceptual,similarity,quality,visual; no_models, or "
     "none\n"
     "                        (default: all)\n"
     "      --frames DIR      also write the per-frame matrices as DIR/NAME.FEATURE.npy; of files in several folders\n"
     "                        as DIR/FOLDER/NAME.FEATURE.npy, likewise with --thumbnails and --out\n"
     "      --thumbnails DIR  also write a picture of each shot as DIR/NAME-0001-12.480s.png\n"
     "      --click OUT.wav   also write the sound of the one file with a click on each beat, a higher one on "
     "downbeats\n"
     "      --pcm f32 --rate HZ --channels N\n"
     "                        the files are raw little-endian samples\n"
     "      --every SECONDS   with -: a snapshot, one JSON object per line, after every SECONDS of audio\n"
     "      --workers N       files processed in parallel (default: ANALYZER_WORKERS, at most one per core)\n"
     "  -r, --recursive       of folders, the media files below them; the rest is left out and counted by kind\n"
     "      --all             with -r: also files that are not media by name or content\n\n"
     "The file - reads a stream from standard input: raw samples, or any format that needs no seeking (the index of "
     "an\n"
     "MP4 must come first). The last line is the output message of the whole stream.\n\n"
     "Exit code: 0, 1 if any file failed or a folder could not be read, 2 for a usage error.\n\n"
     "Example:\n  kithara analyze song.mp3\n  kithara analyze --jsonl *.flac > features.jsonl\n"
     "  arecord -f dat -t raw | ffmpeg -f s16le -ar 48000 -ac 2 -i - -f f32le - |\n"
     "      kithara analyze - --every 10 --pcm f32 --rate 48000 --channels 2\n",
     kt_cmd_analyze},
    {"run", "[OPTIONS] FOLDER|FILE...", "analyse a folder with a temporary farm on this machine",
     "      --out FILE        also write the output messages, one JSON object per line\n"
     "      --workers N       worker threads of the node (default: ANALYZER_WORKERS, at most one per core)\n"
     "      --all             also take files that are not media by name or content\n"
     "      --fresh           start over even if an earlier run of this folder was interrupted\n"
     "  -o, --output FORMAT   table (default), wide, json or csv of the results\n\n"
     "An interrupted run of the same folder is resumed; finished files are not analysed again. What is not media is\n"
     "left out and counted by kind at the end (docs/use.md); files that are named are always tried.\n\n"
     "Exit code: 0, 1 if any file failed or a folder could not be read, 2 for a usage error.\n\n"
     "Example:\n  kithara run ~/Music --out music.jsonl\n",
     kt_cmd_run},
    {"up", "[OPTIONS] [FOLDER...]", "run a farm on this machine until Ctrl-C",
     "      --workers N       worker threads of the node\n\n"
     "The folders are the media roots (default: ANALYZER_MEDIA_ROOTS, else your home folder).\n"
     "The first Ctrl-C finishes the files in progress; the second stops at once.\n\n"
     "Example:\n  kithara up ~/Music &\n  kithara submit ~/Music/*.ogg && kithara status\n",
     kt_cmd_up},
    {"submit", "[OPTIONS] FILE|FOLDER...", "submit files to a farm",
     "      --priority P      low, normal (default) or high\n"
     "      --options LIST    groups to extract: spectral,mir,perceptual,similarity,quality,visual; no_models, or "
     "none\n"
     "                        (default: all)\n"
     "      --all             of a folder, also files that are not media by name or content\n"
     "      --wait            wait until every file has a result\n"
     "  -o, --output FORMAT   table, wide, json or csv\n\n"
     "Of a FOLDER the media files below it are submitted; the rest is left out and counted by kind (docs/use.md).\n\n"
     "Exit code: 0, 1 if any file was refused or a folder could not be read, with --wait also if any failed, 2 for a\n"
     "usage error.\n\n"
     "Example:\n  kithara submit --wait ~/Music/*.ogg\n",
     kt_cmd_submit},
    {"backfill", "start FOLDER|LIST|- | status [ID] | pause|resume|cancel|retry ID | export ID",
     "manage a large set of files as one object: start, watch, control, export",
     "start: the coordinator lists a FOLDER below its ANALYZER_MEDIA_ROOTS; a LIST of paths (a file, or - for "
     "standard\n"
     "input; one per line, or separated by NUL) is uploaded first. Unchanged files are skipped. The backfill "
     "continues\n"
     "without this command and survives restarts; the same command resumes an interrupted upload of a list.\n"
     "      --name NAME       name of the backfill; with -: identifies an interrupted upload\n"
     "      --options LIST    groups to extract: spectral,mir,perceptual,similarity,quality,visual; no_models, or "
     "none\n"
     "                        (default: all)\n"
     "      --priority P      low (default), normal or high\n"
     "      --all             also take files that are not media by name or content\n"
     "      --force           skip no files\n"
     "      --digest          also skip by content: reads each new or changed file\n"
     "      --wait            show the progress until the backfill ends\n"
     "status [ID]:\n"
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           refresh every second\n"
     "pause, resume, cancel ID: stop or continue; cancel also withdraws the queued files\n"
     "retry ID: run the failed files again\n"
     "export ID: the output messages; for skipped files the earlier ones\n"
     "  -o, --output FORMAT   jsonl (default) or csv\n"
     "      --failed          failures only\n\n"
     "Example:\n  kithara backfill start /music --wait\n  find /music -newer stamp -print0 | kithara backfill start "
     "-\n",
     kt_cmd_backfill},
    {"status", "[OPTIONS]", "the state of the farm",
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           refresh every second\n\nExample:\n  "
     "kithara status --watch\n",
     kt_cmd_status},
    {"nodes", "[OPTIONS] [drain|undrain NAME]", "the compute nodes; take a node out of service or return it",
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           refresh every second\n\nExample:\n  "
     "kithara nodes -o wide\n  kithara nodes drain gpu7\n",
     kt_cmd_nodes},
    {"queue", "[OPTIONS]", "the amount of queued work and the throughput",
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           refresh every second\n\nExample:\n  "
     "kithara queue\n",
     kt_cmd_queue},
    {"jobs", "[OPTIONS] [retry|cancel|why ID]", "the jobs; retry, cancel or explain one",
     "      --state STATE     only queued, claimed, done, failed or cancelled\n"
     "      --path PREFIX     only files below PREFIX\n"
     "      --after ID        start after this job\n"
     "      --limit N         at most N (default: 50)\n"
     "  -o, --output FORMAT   table, wide, json or csv\n      --watch           refresh every second\n\n"
     "Example:\n  kithara jobs --state failed\n  kithara jobs why 17\n  kithara jobs retry 17\n",
     kt_cmd_jobs},
    {"keys", "[OPTIONS] new|allow KEY [NAME]|revoke KEY|list", "the keys of the nodes that may connect",
     "      --out FOLDER      with new: folder for node.public and node.secret (default: the current one)\n"
     "  -o, --output FORMAT   table, wide, json or csv\n\n"
     "Works on keys/allowed in the state folder (ANALYZER_STATE_DIR) of this machine's coordinator, which\n"
     "applies a change within a second. With a NAME the key is valid for that node name only. A node prints its "
     "public\n"
     "key at start and stores its key pair in keys/node-NAME of its own state folder. A revoked node is disconnected;\n"
     "its files are sent to other nodes.\n\n"
     "Example:\n  kithara keys allow 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID' gpu7\n  kithara keys list\n",
     kt_cmd_keys},
    {"results", "[OPTIONS]", "the stored features",
     "      --run FOLDER      the ledger created by `kithara run FOLDER`\n"
     "      --ledger URL      this ledger (default: DATABASE_URL)\n"
     "      --failed          include failures; --failed=only: only failures\n"
     "      --path PREFIX     only files below PREFIX\n"
     "      --after ID        start after this job\n"
     "      --limit N         at most N (default: all)\n"
     "  -o, --output FORMAT   table, wide, json (the output messages, one per line) or csv\n\n"
     "Example:\n  kithara results --run ~/Music -o csv > features.csv\n",
     kt_cmd_results},
    {"similar", "[OPTIONS] FILE", "the stored recordings most similar to a file",
     "      --run FOLDER      the ledger created by `kithara run FOLDER`\n"
     "      --ledger URL      this ledger (default: DATABASE_URL)\n"
     "  -n N                  number of recordings (default: 10, at most 1000)\n"
     "  -o, --output FORMAT   table (default), wide, json or csv\n\n"
     "The file is analysed if the ledger has no result for it. The distance is 1 minus the cosine of the combined\n"
     "vectors: 0 for the same recording, about 1 for unrelated ones.\n\n"
     "Example:\n  kithara similar --run ~/Music song.mp3\n",
     kt_cmd_similar},
    {"models",
     "[list] | register FILE.ktm | deploy NAME VERSION | rollback NAME | retire NAME VERSION | show FILE.ktm | "
     "input FILE.ktm MEDIA | run FILE.ktm MEDIA | plan FILE.ktm | train-head",
     "the models of a farm or a folder: list, deploy, roll back; a model file: show, run",
     "list: name, version, type, status, classes, size, accuracy and where it was measured; without a coordinator\n"
     "of the models of this machine\n"
     "  -o, --output FORMAT   table, wide, json or csv\n"
     "register FILE.ktm: uploads a model file; its name and version are in the file\n"
     "      --type TYPE       audio or video (default: by the file's input)\n"
     "deploy NAME VERSION: new files are analysed with this version; the nodes fetch it while they work\n"
     "rollback NAME: deploys the version that was deployed before\n"
     "retire NAME VERSION: a version that shall not be deployed again\n"
     "      --folder FOLDER   with these five: a model folder on this machine instead of the coordinator's\n"
     "show FILE.ktm: licence, source, input, outputs, size, operators, memory, accuracy\n"
     "  -o, --output FORMAT   table, wide, json or csv\n"
     "input FILE.ktm MEDIA: the preprocessing of a file: audio, or a picture as binary PPM or as .npy of bytes\n"
     "[height, width, 3]\n"
     "      --out FILE.npy    write the rows, or the picture\n"
     "run FILE.ktm MEDIA: the outputs over the whole file; of classes the ten with the largest means\n"
     "      --input FILE.npy  instead of MEDIA: the input of the graph, float32\n"
     "      --backend NAME    cpu (default), ref, the plain-C definition, or cuda\n"
     "      --int8            convolutions in 8 bits where the CPU can; prints the error\n"
     "      --out FOLDER      write each output as FOLDER/NAME.npy\n"
     "plan FILE.ktm: the engine of cuDNN for each convolution and dense layer, without a GPU; the plans are stored\n"
     "      --device NAME     h200, l4, t4, or a file with the JSON of cuDNN's device descriptor\n"
     "      --batch N         items computed together (default 8)\n"
     "      --size NAME=N     a free dimension (default: the smallest)\n"
     "      --cache FOLDER    of the plans (default: plans beside the model file)\n"
     "      --tf32            allow TensorFloat-32\n"
     "train-head: a classifier of one's own from folders CLASS/ARTIST/FILE or tags, in Python "
     "(docs/adding-a-model.md)\n"
     "      --data FOLDER     the pieces\n"
     "      --out FOLDER      for the model file and its figures\n"
     "      --tags            class and artist from the tags genre and artist\n"
     "      --name NAME, --version VERSION, --register [FOLDER]\n\n"
     "Example:\n  kithara models register genre_classifier.ktm\n  kithara models deploy genre_classifier 1.1.0\n"
     "  kithara models run msd_musicnn_v1.0.0.ktm song.mp3\n",
     kt_cmd_models},
    {"audit", "[OPTIONS]", "verify that no result is missing, duplicated or altered",
     "      --run FOLDER      the ledger created by `kithara run FOLDER`\n"
     "      --ledger URL      this ledger (default: DATABASE_URL)\n\n"
     "Exit code: 0 if every job has exactly one outcome and every digest matches; else 1, and the rows are printed.\n\n"
     "Example:\n  kithara audit --run ~/Music\n",
     kt_cmd_audit},
    {"plot", "[OPTIONS] FILE", "draw one page about a song or a film",
     "      --out FILE.png    output file (default: the file's name with .png, in the current folder)\n"
     "      --options LIST    groups to extract, as of analyze; no_models leaves out faces and text\n\n"
     "Sound: waveform, mel spectrogram with beats, chroma, tempogram, loudness.\n"
     "A film: strip of pictures with shots and transitions, colours, light, motion, loudness, faces and text.\n\n"
     "Example:\n  kithara plot song.flac --out song.png\n  kithara plot film.mp4 --options visual,no_models\n",
     kt_cmd_plot},
    {"db", "[OPTIONS] migrate|status", "migrate or show the schema of the ledger",
     "      --ledger URL      this ledger (default: DATABASE_URL)\n"
     "  -o, --output FORMAT   status: table (default), wide, json or csv\n\n"
     "A coordinator requires the current schema in a PostgreSQL database; it creates and migrates a SQLite ledger\n"
     "itself. Migration is idempotent, and safe when several programs migrate at once.\n\n"
     "Exit code: 0 if the schema is current, else 1.\n\n"
     "Example:\n  DATABASE_URL=postgresql://kithara@db.example/kithara kithara db migrate\n",
     kt_cmd_db},
    {"doctor", "", "what this machine offers a node: the GPU that is used, or why none",
     "One line per subject: ok or WRONG, and what was found. Without a GPU the processor computes, which is wrong "
     "only\n"
     "with --gpu.\n\n"
     "Exit code: 0, 1 if a line is WRONG, 2 for a usage error.\n\nExample:\n  kithara --gpu doctor\n",
     kt_cmd_doctor},
    {"docs", "features|settings|errors|metrics", "print the reference tables as Markdown",
     "Example:\n  kithara docs features\n", kt_cmd_docs},
};
const size_t KT_CLI_N_COMMANDS = sizeof KT_CLI_COMMANDS / sizeof *KT_CLI_COMMANDS;
