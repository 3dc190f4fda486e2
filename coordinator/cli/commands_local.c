// The options and texts of the commands that need no farm.
#include "coordinator/cli/commands.h"

#define GROUPS                                                                                                         \
    {                                                                                                                  \
        "options", KT_OPT_OPTIONS, "LIST", NULL,                                                                       \
            "groups to extract: spectral,mir,perceptual,similarity,quality,visual;\nno_models, or none (default: "     \
            "all)",                                                                                                    \
            NULL                                                                                                       \
    }

const kt_command_option_t KT_ANALYZE_OPTIONS[] = {
    {"output", 'o', "FORMAT", NULL,
     "summary (default), jsonl (the output message of each file), json (the same\n"
     "as one array), csv, spotify (its audio-features object, one JSON object per\n"
     "line; loudness is in LUFS, key -1 is unknown), essentia (the layout of its\n"
     "music extractor: only the fields with the same definition; the key uses\n"
     "Kithara's own profile and is stored under key_edma), edl (the shots of a\n"
     "film as a CMX 3600 edit list; 29.97 and 59.94 Hz in drop-frame timecode) or\n"
     "otio (the same for OpenTimelineIO). Both extract visual alone, without\n"
     "models, unless --options is given",
     "summary json jsonl csv spotify essentia edl otio"},
    {"out", KT_OPT_OUT, "FILE", NULL,
     "write there instead of to standard output; with -o edl or otio a folder:\none file per film, DIR/NAME.edl; "
     "needed for several films",
     NULL},
    {"jsonl", KT_OPT_JSONL, NULL, NULL, "same as -o jsonl", NULL},
    GROUPS,
    {"frames", KT_OPT_FRAMES, "DIR", NULL,
     "also write the per-frame matrices as DIR/NAME.FEATURE.npy; of files in\nseveral folders as "
     "DIR/FOLDER/NAME.FEATURE.npy, likewise with --thumbnails\nand --out",
     NULL},
    {"thumbnails", KT_OPT_THUMBNAILS, "DIR", NULL, "also write a picture of each shot as DIR/NAME-0001-12.480s.png",
     NULL},
    {"click", KT_OPT_CLICK, "FILE", NULL,
     "also write the sound of the one file as WAV with a click on each beat,\na higher one on downbeats", NULL},
    {"pcm", KT_OPT_PCM, "TYPE", NULL, "the files are raw little-endian samples: f32", "f32"},
    {"rate", KT_OPT_RATE, "HZ", NULL, "with --pcm: their rate", NULL},
    {"channels", KT_OPT_CHANNELS, "N", NULL, "with --pcm: their channels", NULL},
    {"every", KT_OPT_EVERY, "SECONDS", NULL,
     "with -: a snapshot, one JSON object per line, after every SECONDS of sound", NULL},
    {"workers", KT_OPT_WORKERS, "N", NULL,
     "files processed in parallel (default: ANALYZER_WORKERS, at most one per core)", NULL},
    {"recursive", 'r', NULL, NULL, "of folders, the media files below them; the rest is left out and counted\nby kind",
     NULL},
    KT_OPTIONS_CSV(NULL),
    {"all", KT_OPT_ALL, NULL, NULL, "with -r: also files that are not media by name or content", NULL},
    {0}};

const char KT_ANALYZE_TEXT[] =
    "The file - reads a stream from standard input: raw samples, or any format that needs no seeking (the index of\n"
    "an MP4 must come first). The last line is the output message of the whole stream.\n\n"
    "Exit code: 0, 1 if any file failed or a folder could not be read, 2 for a usage error.\n";

const kt_command_option_t KT_RUN_OPTIONS[] = {
    {"out", KT_OPT_OUT, "FILE", NULL, "also write the output messages, one JSON object per line", NULL},
    {"workers", KT_OPT_WORKERS, "N", NULL,
     "worker threads of the node (default: ANALYZER_WORKERS, at most one per core)", NULL},
    {"all", KT_OPT_ALL, NULL, NULL, "also take files that are not media by name or content", NULL},
    {"fresh", KT_OPT_FRESH, NULL, NULL, "analyse every file again", NULL},
    {"digest", KT_OPT_DIGEST, NULL, NULL,
     "detect changed files by their content instead of size and time; reads every file", NULL},
    KT_OPTIONS_CSV(NULL),
    KT_OPTION_OUTPUT,
    {0}};

const char KT_RUN_TEXT[] =
    "A second run of the same folder analyses what is new or changed: files of another size or time of change, all of\n"
    "them with another version, other models or other settings. Files that are gone are marked. An interrupted run is\n"
    "resumed. The table has what is new; csv, json and --out have all files of the folder. What is not media is\n"
    "left out and counted by kind at the end (docs/use.md); files that are named are always tried.\n\n"
    "Exit code: 0, 1 if any file failed or a folder could not be read, 2 for a usage error.\n";

const kt_command_option_t KT_UP_OPTIONS[] = {{"workers", KT_OPT_WORKERS, "N", NULL, "worker threads of the node", NULL},
                                             {0}};

const char KT_UP_TEXT[] = "The folders are the media roots (default: ANALYZER_MEDIA_ROOTS, else your home folder).\n"
                          "The first Ctrl-C finishes the files in progress; the second stops at once.\n";

const kt_command_option_t KT_TAG_OPTIONS[] = {
    {"dry-run", KT_OPT_DRY_RUN, NULL, NULL, "show what would be written, and write nothing", NULL},
    {"fields", KT_OPT_FIELDS, "LIST", NULL,
     "what is written: bpm,key,replaygain (default), mood, genre; nothing else is\ntouched", NULL},
    {"overwrite", KT_OPT_OVERWRITE, NULL, NULL, "also replace values that are there (default: they are kept)", NULL},
    {"key-format", KT_OPT_KEY_FORMAT, "NAME", NULL, "musical (default: Am, F#m), camelot (8A) or open-key (1m)",
     "musical camelot open-key"},
    {"min-confidence", KT_OPT_MIN_CONFIDENCE, "X", NULL,
     "tempo, key and genre below this confidence are not written (default: 0.5,\n0.6 for the key)", NULL},
    {"run", KT_OPT_RUN, "FOLDER", NULL,
     "values of the results of `kithara run FOLDER`, for files that are as they were\nthen; others are analysed. "
     "Without FILE all files of the folder",
     NULL},
    {"ledger", KT_OPT_LEDGER, "URL", NULL, "the same with another ledger: sqlite:PATH or postgresql://...", NULL},
    {"undo", KT_OPT_UNDO, "FILE", NULL, "restore what an undo file says, in files that are as they were after tagging",
     NULL},
    {"undo-file", KT_OPT_UNDO_FILE, "FILE", NULL,
     "write the undo file there (default: a new one in tags/ of the state folder)", NULL},
    {"keep-time", KT_OPT_KEEP_TIME, NULL, NULL, "files keep their time of change", NULL},
    {"workers", KT_OPT_WORKERS, "N", NULL, "files analysed in parallel (default: at most one per core)", NULL},
    {"all", KT_OPT_ALL, NULL, NULL, "also take files that are not media by name or content", NULL},
    KT_OPTION_OUTPUT,
    KT_OPTION_SINK,
    {0}};

const char KT_TAG_TEXT[] =
    "Each file is copied, its copy gets the tags and is compared with the file, and takes its place: the sound stays\n"
    "the same packet by packet, and a file is the old or the new one, whatever ends the command. Formats: MP3, FLAC,\n"
    "Ogg Vorbis, Opus, MP4, WAV, AIFF, WMA. Refused are read-only files, files with several hard\n"
    "links, and links out of their folder. Do not tag files that another program is writing.\n\n"
    "Exit code: 0, 1 if any file failed or a folder could not be read, 2 for a usage error.\n";

const kt_command_option_t KT_PLOT_OPTIONS[] = {
    {"out", KT_OPT_OUT, "FILE", NULL,
     "output file: .png, .svg or .pdf, or - for a PNG on standard output (default: the\nname of the file with .png, "
     "comparison.png or contact-sheet.png, here)",
     NULL},
    {"options", KT_OPT_OPTIONS, "LIST", NULL, "groups to extract, as of analyze; no_models leaves out faces and text",
     NULL},
    {0}};

const char KT_PLOT_TEXT[] =
    "Sound: waveform, spectrogram of the whole band with beats, chroma, tempogram, loudness.\n"
    "A film: strip of pictures with shots and transitions, colours, light, motion, loudness, faces and text.\n"
    "Two files are drawn side by side; more of them, or a folder, make a contact sheet of at most 120 reduced pages.\n";

const kt_verb_t KT_MODELS_VERBS[] = {
    {"list", "",
     "name, version, type, status, classes, size, accuracy and where it was measured;\nwithout a coordinator of the "
     "models of this machine"},
    {"register", "FILE.ktm", "uploads a model file; its name and version are in the file"},
    {"deploy", "NAME VERSION", "new files are analysed with this version; the nodes fetch it while they work"},
    {"rollback", "NAME", "deploys the version that was deployed before"},
    {"retire", "NAME VERSION", "a version that shall not be deployed again"},
    {"show", "FILE.ktm", "licence, source, input, outputs, size, operators, memory, accuracy"},
    {"input", "FILE.ktm MEDIA",
     "the preprocessing of a file: audio, or a picture as binary PPM or as .npy of\nbytes [height, width, 3]"},
    {"run", "FILE.ktm MEDIA", "the outputs over the whole file; of classes the ten with the largest means"},
    {"plan", "FILE.ktm",
     "the engine of cuDNN for each convolution and dense layer, without a GPU;\nthe plans are stored"},
    {"train-head", "",
     "a classifier of one's own from folders CLASS/ARTIST/FILE or tags, in Python\n(docs/adding-a-model.md): --data "
     "FOLDER of the pieces, --out FOLDER for the model\nfile and its figures, --tags for class and artist from the "
     "tags "
     "genre and artist,\n--name NAME, --version VERSION, --register [FOLDER]"},
    {0}};

const kt_command_option_t KT_MODELS_OPTIONS[] = {
    {"output", 'o', "FORMAT", "list show input run plan", "table (default), wide, json, jsonl or csv", KT_FORMAT_WORDS},
    {"folder", KT_OPT_FOLDER, "FOLDER", "list register deploy rollback retire",
     "a model folder on this machine instead of the coordinator's", NULL},
    {"type", KT_OPT_TYPE, "TYPE", "register", "audio or video (default: by the file's input)", "audio video"},
    {"out", KT_OPT_OUT, "FILE", "list show input run",
     "list, show: write there instead of to standard output\ninput: write the rows, or the picture, as .npy\nrun: a "
     "folder, write each output as FOLDER/NAME.npy",
     NULL},
    {"input", KT_OPT_INPUT, "FILE", "run", "instead of MEDIA: the input of the graph, .npy of float32", NULL},
    {"backend", KT_OPT_BACKEND, "NAME", "run", "cpu (default), ref, the plain-C definition, or cuda", "cpu ref cuda"},
    {"int8", KT_OPT_INT8, NULL, "run", "convolutions in 8 bits where the CPU can; prints the error", NULL},
    {"device", KT_OPT_DEVICE, "NAME", "plan", "h200, l4, t4, or a file with the JSON of cuDNN's device descriptor",
     "h200 l4 t4"},
    {"batch", KT_OPT_BATCH, "N", "plan", "items computed together (default 8)", NULL},
    {"size", KT_OPT_SIZE, "NAME=N", "plan", "a free dimension (default: the smallest)", NULL},
    {"cache", KT_OPT_CACHE, "FOLDER", "plan", "of the plans (default: plans beside the model file)", NULL},
    {"tf32", KT_OPT_TF32, NULL, "plan", "allow TensorFloat-32", NULL},
    {0}};

const kt_command_option_t KT_DOCTOR_OPTIONS[] = {KT_OPTION_OUTPUT, KT_OPTION_SINK, {0}};

const char KT_DOCTOR_TEXT[] =
    "One line per subject, ok or WRONG, with what was found and what to do: the coordinator and its ports, database "
    "and\n"
    "broker (a running coordinator is asked, which has declared its queues), state folder and its disk, modes of the\n"
    "keys, media roots, the decoder and its walls, the clock, the GPU. Nothing is changed. Without a GPU the "
    "processor\n"
    "computes, which is wrong only with --gpu.\n\n"
    "Exit code: 0, 1 if a line is WRONG, 2 for a usage error.\n";
