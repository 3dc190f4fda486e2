#include "node/decoder/known.h"

#include <stdio.h>
#include <string.h>

// MEDIA is not enabled; OTHER is no sound or film, but sound may follow it (cover art before the frames of an MP3);
// OPAQUE holds other files, or is another medium altogether.
typedef enum known_kind { MEDIA, OTHER, OPAQUE } known_kind_t;

enum { SURE_BYTES = 4 };  // three bytes may be chance

typedef struct known {
    known_kind_t kind;
    size_t       at, length;
    const char  *bytes;
    size_t       second_at, second_length;
    const char  *second;
    const char  *name;
} known_t;

#define MAGIC(kind, at, bytes, name)                                                                                   \
    {                                                                                                                  \
        kind, at, sizeof(bytes) - 1, bytes, 0, 0, "", name                                                             \
    }
#define MAGIC2(kind, at, bytes, second_at, second, name)                                                               \
    {                                                                                                                  \
        kind, at, sizeof(bytes) - 1, bytes, second_at, sizeof(second) - 1, second, name                                \
    }

static const known_t KNOWN[] = {
    MAGIC(MEDIA, 0, "MP+", "Musepack audio"),
    MAGIC(MEDIA, 0, "MPCK", "Musepack audio"),
    MAGIC(MEDIA, 0, "tBaK", "TAK audio"),
    MAGIC(MEDIA, 0, "OFR ", "OptimFROG audio"),
    MAGIC(MEDIA, 0, "ajkg", "Shorten audio"),
    MAGIC(MEDIA, 0, "LA0", "Lossless Audio (LA)"),
    MAGIC(MEDIA, 0, "RKA7", "RK audio"),
    MAGIC(MEDIA, 0, "TTA2", "TTA2 audio"),
    MAGIC(MEDIA, 0, "DSD ", "DSD audio (DSF)"),
    MAGIC2(MEDIA, 0, "FRM8", 12, "DSD ", "DSD audio (DSDIFF)"),
    MAGIC(MEDIA, 0, "SACDMTOC", "SACD image"),
    MAGIC(MEDIA, 0, "\x7f\xfe\x80\x01", "DTS audio"),
    MAGIC(MEDIA, 0, "\xfe\x7f\x01\x80", "DTS audio"),
    MAGIC(MEDIA, 0, "\x1f\xff\xe8\x00", "DTS audio"),
    MAGIC(MEDIA, 0, "\xff\x1f\x00\xe8", "DTS audio"),
    MAGIC(MEDIA, 0, "\x64\x58\x20\x25", "DTS-HD audio"),
    MAGIC(MEDIA, 0, "DTSHDHDR", "DTS-HD audio"),
    MAGIC(MEDIA, 4, "\xf8\x72\x6f\xba", "Dolby TrueHD audio"),
    MAGIC(MEDIA, 4, "\xf8\x72\x6f\xbb", "MLP audio"),
    MAGIC(MEDIA, 0, "\xac\x40", "AC-4 audio"),
    MAGIC(MEDIA, 0, "\xac\x41", "AC-4 audio"),
    MAGIC(MEDIA, 0, "#!AMR-WB", "AMR-WB audio"),
    MAGIC(MEDIA, 0, "#!AMR", "AMR audio"),
    MAGIC(MEDIA, 0, "#!EVS_MC", "EVS audio"),
    MAGIC(MEDIA, 0, "#!SILK", "SILK audio"),
    MAGIC(MEDIA, 0, ".ra\xfd", "RealAudio"),
    MAGIC(MEDIA, 0, ".RMF", "RealMedia"),
    MAGIC(MEDIA, 0, ".RMP", "RealMedia"),
    MAGIC(MEDIA, 0, "Creative Voice File", "Creative Voice audio"),
    MAGIC(MEDIA, 4, "\x57\x90\x75\x36", "Audible audio (AA)"),
    MAGIC(MEDIA, 0, "ADIF", "AAC audio (ADIF)"),
    MAGIC(MEDIA, 0, "NIST_1A", "NIST SPHERE audio"),
    MAGIC(MEDIA, 0, "2BIT", "AVR audio"),
    MAGIC(MEDIA, 0, "\x64\xa3\x01\x00", "IRCAM audio"),
    MAGIC(MEDIA, 0, "\x64\xa3\x02\x00", "IRCAM audio"),
    MAGIC2(MEDIA, 0, "FORM", 8, "8SVX", "Amiga 8SVX audio"),
    MAGIC2(MEDIA, 0, "FORM", 8, "16SV", "Amiga 16SV audio"),
    MAGIC2(MEDIA, 0, "FORM", 8, "MAUD", "Amiga MAUD audio"),
    MAGIC2(MEDIA, 0, "RIFF", 8, "QLCM", "QCELP audio"),
    MAGIC(MEDIA, 0, "TWIN97012000", "VQF audio"),
    MAGIC(MEDIA, 0, "TWIN00062000", "VQF audio"),
    MAGIC(MEDIA, 0, "EA3", "ATRAC3 audio (OpenMG)"),
    MAGIC(MEDIA, 0, "ea3\3", "ATRAC3 audio (OpenMG)"),
    MAGIC(MEDIA, 0, "ADLIB", "AdLib music"),
    // scores and trackers: instructions for a synthesiser, not samples
    MAGIC(MEDIA, 0, "MThd", "MIDI"),
    MAGIC2(MEDIA, 0, "RIFF", 8, "RMID", "MIDI"),
    MAGIC(MEDIA, 0, "XMF_", "MIDI (XMF)"),
    MAGIC(MEDIA, 0, "MMMD", "SMAF ring tone"),
    MAGIC(MEDIA, 0, "Extended Module: ", "tracker module (XM)"),
    MAGIC(MEDIA, 0, "IMPM", "tracker module (IT)"),
    MAGIC(MEDIA, 44, "SCRM", "tracker module (S3M)"),
    MAGIC(MEDIA, 20, "!Scream!", "tracker module (STM)"),
    MAGIC(MEDIA, 1080, "M.K.", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "M!K!", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "FLT4", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "FLT8", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "OCTA", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "CD81", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "2CHN", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "4CHN", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "6CHN", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "8CHN", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "10CH", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "12CH", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "16CH", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "24CH", "tracker module (MOD)"),
    MAGIC(MEDIA, 1080, "32CH", "tracker module (MOD)"),
    MAGIC(MEDIA, 0, "MTM\x10", "tracker module (MTM)"),
    MAGIC(MEDIA, 0, "MMD0", "tracker module (OctaMED)"),
    MAGIC(MEDIA, 0, "MMD1", "tracker module (OctaMED)"),
    MAGIC(MEDIA, 0, "MMD2", "tracker module (OctaMED)"),
    MAGIC(MEDIA, 0, "MMD3", "tracker module (OctaMED)"),
    MAGIC(MEDIA, 0, "OKTASONG", "tracker module (Oktalyzer)"),
    MAGIC(MEDIA, 0, "MAS_UTrack_V00", "tracker module (ULT)"),
    MAGIC(MEDIA, 0, "DBM0", "tracker module (DigiBooster)"),
    MAGIC(MEDIA, 0, "FAR\xfe", "tracker module (FAR)"),
    MAGIC(MEDIA, 0, "ziRCONia", "tracker module (MMCMP)"),
    MAGIC(MEDIA, 0, "PSID", "SID music"),
    MAGIC(MEDIA, 0, "RSID", "SID music"),
    MAGIC(MEDIA, 0, "NESM\x1a", "NSF music"),
    MAGIC(MEDIA, 0, "NSFE", "NSF music"),
    MAGIC(MEDIA, 0, "GBS\1", "Game Boy music"),
    MAGIC(MEDIA, 0, "Vgm ", "VGM music"),
    MAGIC(MEDIA, 0, "SNES-SPC700 Sound File Data", "SPC music"),
    MAGIC(MEDIA, 0, "ZXAYEMUL", "AY music"),
    MAGIC(MEDIA, 0, "PSF", "PSF music"),
    // films
    MAGIC(MEDIA, 0, "DKIF", "IVF video"),
    MAGIC(MEDIA, 0, "YUV4MPEG2 ", "Y4M video"),
    MAGIC(MEDIA, 0, "nut/multimedia container\0", "NUT"),
    MAGIC(MEDIA, 0, "\x06\x0e\x2b\x34\x02\x05\x01\x01", "MXF"),
    MAGIC(MEDIA, 0, "\x1f\x07\x00\x3f", "DV video"),
    MAGIC(MEDIA, 0, "\x1f\x07\x00\xbf", "DV video"),
    MAGIC(MEDIA, 0, "CWS", "Flash (SWF)"),
    MAGIC(MEDIA, 0, "FWS", "Flash (SWF)"),
    MAGIC(MEDIA, 0, "ZWS", "Flash (SWF)"),
    MAGIC(MEDIA, 0, "BIK", "Bink video"),
    MAGIC(MEDIA, 0, "KB2", "Bink video"),
    MAGIC(MEDIA, 0, "SMK2", "Smacker video"),
    MAGIC(MEDIA, 0, "SMK4", "Smacker video"),
    MAGIC(MEDIA, 0, "BBCD", "Dirac video"),
    MAGIC(MEDIA, 0, "\0\0\0\1\x67", "H.264 video without a container"),
    MAGIC(MEDIA, 0, "\0\0\0\1\x09", "H.264 video without a container"),
    MAGIC(MEDIA, 0, "\0\0\0\1\x40\1", "H.265 video without a container"),
    // pictures and documents
    MAGIC(OTHER, 0, "\xff\xd8\xff", "JPEG picture"),
    MAGIC(OTHER, 0, "\x89PNG\r\n\x1a\n", "PNG picture"),
    MAGIC(OTHER, 0, "GIF87a", "GIF picture"),
    MAGIC(OTHER, 0, "GIF89a", "GIF picture"),
    MAGIC2(OTHER, 0, "RIFF", 8, "WEBP", "WebP picture"),
    MAGIC(OTHER, 0, "II*\0", "TIFF picture"),
    MAGIC(OTHER, 0, "MM\0*", "TIFF picture"),
    MAGIC2(OTHER, 0, "BM", 6, "\0\0\0\0", "BMP picture"),
    MAGIC(OTHER, 0, "%PDF-", "PDF document"),
    MAGIC(OTHER, 0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office document"),
    MAGIC(OPAQUE, 0, "SQLite format 3", "SQLite database"),
    MAGIC(OPAQUE, 0, "PK\3\4", "ZIP archive"),
    MAGIC(OPAQUE, 0, "PK\5\6", "ZIP archive"),
    MAGIC(OPAQUE, 0, "Rar!\x1a\7", "RAR archive"),
    MAGIC(OPAQUE, 0, "7z\xbc\xaf\x27\x1c", "7z archive"),
    MAGIC(OPAQUE, 0, "\x1f\x8b\x08", "gzip archive"),
    MAGIC(OPAQUE, 0, "BZh", "bzip2 archive"),
    MAGIC(OPAQUE, 0,
          "\xfd"
          "7zXZ",
          "xz archive"),
    MAGIC(OPAQUE, 0, "\x28\xb5\x2f\xfd", "Zstandard archive"),
    MAGIC(OPAQUE, 0, "MSCF", "CAB archive"),
    MAGIC(OPAQUE, 257, "ustar", "TAR archive"),
    MAGIC(OPAQUE, 0,
          "\x7f"
          "ELF",
          "program"),
    MAGIC2(OPAQUE, 0, "MZ", 2, "\x90\0", "program"),
};

static bool
is_known(const known_t *known, const uint8_t *head, size_t n)
{
    return n >= known->at + known->length && !memcmp(head + known->at, known->bytes, known->length) &&
           n >= known->second_at + known->second_length &&
           !memcmp(head + known->second_at, known->second, known->second_length);
}

bool
kt_known_find(const uint8_t *head, size_t n, char text[KT_KNOWN_TEXT], bool *opaque)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        const known_t *known = &KNOWN[i];
        if (!is_known(known, head, n))
            continue;
        (void)snprintf(text, KT_KNOWN_TEXT, "%s: %s", known->name,
                       known->kind == MEDIA ? "not enabled" : "not a media file");
        *opaque = known->kind == OPAQUE || (known->kind == MEDIA && known->length >= SURE_BYTES);
        return true;
    }
    return false;
}
