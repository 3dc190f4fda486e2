#include "node/decoder/bytes/text.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { LOOK_BYTES = 1024 };

static bool
begins(const char *text, const char *with)
{
    return !strncasecmp(text, with, strlen(with));
}

// UTF-16 has zero in every other byte of Latin text. Text of eight-bit alphabets counts too: no control characters, and
// not mostly bytes beyond ASCII.
static bool
is_text(const uint8_t *head, size_t length)
{
    size_t zeros = 0, high = 0;
    if (length >= 4 && ((head[0] == 0xff && head[1] == 0xfe) || (head[0] == 0xfe && head[1] == 0xff))) {
        for (size_t i = head[0] == 0xff ? 3 : 2; i < length; i += 2)
            zeros += head[i] == 0;
        if (zeros * 4 >= length)
            return true;
    }
    for (size_t i = 0; i < length; i++) {
        if (head[i] < 0x20 && !strchr("\t\n\v\f\r\033", head[i] ? head[i] : 1))
            return false;
        if (head[i] == 0x7f)
            return false;
        high += head[i] >= 0x80;
    }
    return length > 0 && high * 2 <= length;
}

// Playlists by how they begin, XML manifests by their root.
static bool
is_playlist(const char *text)
{
    static const char *const starts[] = {"#EXTM3U",     "#EXT-X-", "#EXTINF",  "ffconcat",  "[playlist]",
                                         "[reference]", "rtsp://", "http://",  "https://",  "file://",
                                         "rtsptext",    "mms://",  "RTSPtext", "#PLAYLIST", "[webshare]"};
    static const char *const roots[]  = {"<mpd", "<asx",  "<smil",         "<playlist",
                                         "<wpl", "<?wpl", "<smoothstream", "http://xspf.org"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (begins(text, starts[i]))
            return true;
    if (begins(text, "v=0") && (strstr(text, "\nm=") || strstr(text, "\no=")))
        return true;
    for (size_t i = 0; *text == '<' && i < sizeof roots / sizeof *roots; i++)
        if (strcasestr(text, roots[i]))
            return true;
    return false;
}

kt_err_t
kt_sniff_text(const uint8_t *head, size_t length)
{
    char   text[LOOK_BYTES + 1];
    size_t skip = length >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (skip < length && strchr(" \t\r\n", head[skip] ? head[skip] : 1))
        skip++;
    size_t n = length - skip < LOOK_BYTES ? length - skip : LOOK_BYTES;
    memcpy(text, head + skip, n);
    text[n] = '\0';
    // Also where bytes follow that are not text: FFmpeg's own probes check the beginning alone.
    if (is_playlist(text))
        return KT_EPLAYLIST;
    return is_text(head, length) ? KT_ETEXT : KT_OK;
}
