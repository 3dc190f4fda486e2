#include "node/decoder/media.h"

#include "node/decoder/avlog.h"
#include "node/decoder/protection.h"

#include <errno.h>
#include <libavutil/avstring.h>
#include <libavutil/dict.h>
#include <libavutil/mem.h>
#include <stdio.h>
#include <string.h>

// FAILURES_MAX: demuxer errors in a row after which the rest of the file is given up. FOREIGN_MAX: pages of 64 KB.
// BYTES_PER_BYTE: of memory, that an index in a file needs.
enum { IO_BYTES = 64 * 1024, FAILURES_MAX = 64, FOREIGN_MAX = 1 << 24, BYTES_PER_BYTE = 16 };

static int
media_on_read(void *opaque, uint8_t *into, int want)
{
    kt_media_t    *self = opaque;
    size_t         n;
    const uint64_t stop = self->extent.stop, left = stop > self->position ? stop - self->position : 0;
    const size_t   some = stop && left < (uint64_t)want ? (size_t)left : (size_t)want;
    if (kt_input_some(self->input, self->position, into, some, &n) != KT_OK) {
        self->io_failed = true;
        return AVERROR(EIO);
    }
    for (size_t i = 0; self->patch_at && i < sizeof self->patch; i++)
        if (self->patch_at + i >= self->position && self->patch_at + i < self->position + n)
            into[self->patch_at + i - self->position] = (uint8_t)(self->patch >> 8 * i);
    self->hit_end |= n == 0;
    self->position += n;
    return n ? (int)n : AVERROR_EOF;
}

static int64_t
media_on_seek(void *opaque, int64_t offset, int whence)
{
    kt_media_t *self   = opaque;
    bool        stream = self->input->stream;
    int64_t size = stream ? 0 : (int64_t)((self->extent.stop ? self->extent.stop : self->input->size) - self->start),
            at;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE: return size;
    case SEEK_SET: at = 0; break;
    case SEEK_CUR: at = (int64_t)(self->position - self->start); break;
    case SEEK_END: at = size; break;
    default: return AVERROR(EINVAL);
    }
    if (__builtin_add_overflow(at, offset, &at) || at < 0 || at > INT64_MAX - (int64_t)self->start)
        return AVERROR(EINVAL);
    if (stream && !kt_input_reaches(self->input, self->start + (uint64_t)at))
        return AVERROR(ENOSYS);
    self->position = self->start + (uint64_t)at;
    return at;
}

static int
refuse_io(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    (void)format, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

static kt_err_t
media_fail(kt_media_t *self, int code, kt_err_t otherwise, const char *doing)
{
    const kt_err_t err = kt_av_fail(code, otherwise, doing, self->why, sizeof self->why);
    return self->io_failed ? KT_EIO : err;
}

// Cover art, and the pictures of a list of chapters.
enum { STILL = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS };

// The first moving picture or the one that is marked as default, and the best sound, of the same program if the file
// has several.
static void
select_streams(kt_media_t *self)
{
    AVFormatContext *format = self->format;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        AVStream *s = format->streams[i];
        s->discard  = AVDISCARD_ALL;
        if (s->codecpar->codec_type != AVMEDIA_TYPE_VIDEO || s->disposition & STILL)
            continue;
        if (!self->video ||
            (s->disposition & AV_DISPOSITION_DEFAULT && !(self->video->disposition & AV_DISPOSITION_DEFAULT)))
            self->video = s;
    }
    int related = self->video ? self->video->index : -1;
    int best    = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, related, NULL, 0);
    self->audio = best >= 0 ? format->streams[best] : NULL;
    if (self->audio)
        self->audio->discard = AVDISCARD_DEFAULT;
    if (self->video)
        self->video->discard = AVDISCARD_DEFAULT;
}

// FFmpeg decodes the first pictures, because the order of presentation, and with it the time stamps of containers that
// state few of them, follows from the codec. The limit holds for streams that the header names; for others the memory.
static int
find_streams(kt_media_t *self)
{
    AVFormatContext *format  = self->format;
    const unsigned   n       = format->nb_streams;
    AVDictionary   **options = av_calloc(n + 1, sizeof *options);
    if (!options)
        return AVERROR(ENOMEM);
    for (unsigned i = 0; i < n; i++) {
        const AVCodecParameters *par = format->streams[i]->codecpar;
        (void)av_dict_set_int(&options[i], "max_pixels", KT_PIXELS_MAX, 0);
        if (par->codec_type == AVMEDIA_TYPE_VIDEO && !kt_coder_size(par->width, par->height)) {
            self->refused_width  = par->width;
            self->refused_height = par->height;
        }
    }
    const int code = avformat_find_stream_info(format, n > 0 ? options : NULL);
    for (unsigned i = 0; i < n; i++)
        av_dict_free(&options[i]);
    av_free(options);
    return code;
}

// FFmpeg takes little-endian AIFF-C for 16 bits, whatever its header states.
static void
correct_width(const AVFormatContext *format)
{
    AVCodecParameters *par  = format->nb_streams ? format->streams[0]->codecpar : NULL;
    const int          bits = par ? par->bits_per_coded_sample : 0, channels = par ? par->ch_layout.nb_channels : 0;
    if (!par || strcmp(format->iformat->name, "aiff") != 0 || par->codec_id != AV_CODEC_ID_PCM_S16LE || bits <= 16 ||
        bits > 32)
        return;
    par->codec_id    = bits > 24 ? AV_CODEC_ID_PCM_S32LE : AV_CODEC_ID_PCM_S24LE;
    par->block_align = (bits > 24 ? 4 : 3) * channels;
    par->bit_rate    = (int64_t)par->block_align * 8 * par->sample_rate;
}

static int
open_container(kt_media_t *self, const kt_sniffed_t *sniffed)
{
    AVDictionary *options = NULL;
    if (self->extent.too_short)
        (void)av_dict_set(&options, "ignore_length", "1", 0);
    const int code =
        avformat_open_input(&self->format, NULL, av_find_input_format(sniffed->demuxer), options ? &options : NULL);
    av_dict_free(&options);
    if (code >= 0)
        correct_width(self->format);
    return code;
}

// FFmpeg takes the memory of a table by the number of entries that its header claims. Where there is memory for all
// that the file's bytes could fill, a refusal was of a claim that they do not.
static bool
is_false_claim(const kt_input_t *input, int code)
{
    if (!kt_av_is_memory(code) || input->size > SIZE_MAX / BYTES_PER_BYTE)
        return false;
    void      *all   = av_malloc((size_t)input->size * BYTES_PER_BYTE);
    const bool there = all != NULL;
    av_free(all);
    return there;
}

kt_err_t
kt_media_open(kt_media_t *self, kt_input_t *input, const kt_sniffed_t *sniffed)
{
    *self = (kt_media_t){.input    = input,
                         .patch_at = sniffed->patch_at,
                         .patch    = sniffed->patch,
                         .start    = sniffed->start,
                         .joined   = !strcmp(sniffed->demuxer, "mpegts") || !strcmp(sniffed->demuxer, "mpeg"),
                         .position = sniffed->start};
    // A stream cannot seek. Only for MP3 FFmpeg gets a seek function, which reports the size 0 and then refuses: it
    // takes an unknown size for a huge one, ignores the frame count at the beginning, and leaves the encoder's padding
    // in at the end.
    kt_av_begin();
    bool     seek   = !input->stream || !strcmp(sniffed->demuxer, "mp3");
    uint8_t *buffer = av_malloc(IO_BYTES);
    if (buffer)
        self->io = avio_alloc_context(buffer, IO_BYTES, 0, self, media_on_read, NULL, seek ? media_on_seek : NULL);
    self->format = avformat_alloc_context();
    self->packet = av_packet_alloc();
    if (!self->io || !self->format || !self->packet)
        return media_fail(self, AVERROR(ENOMEM), KT_EDECMEM, "starting");
    self->format->pb                 = self->io;
    self->format->io_open            = refuse_io;
    self->format->max_streams        = KT_AV_STREAMS_MAX;
    self->format->protocol_whitelist = av_strdup("none");
    self->format->format_whitelist   = av_strdup(KT_SNIFF_DEMUXERS);
    self->format->codec_whitelist    = av_asprintf("%s,%s", KT_AUDIO_CODECS, KT_VIDEO_CODECS);
    if (!self->format->protocol_whitelist || !self->format->format_whitelist || !self->format->codec_whitelist)
        return media_fail(self, AVERROR(ENOMEM), KT_EDECMEM, "starting");

    kt_err_t err = kt_extent_find(input, sniffed, &self->extent);
    if (err)
        return media_fail(self, AVERROR(EIO), err, "reading");
    if (kt_protection_of_bytes(input, sniffed, self->why, sizeof self->why))
        return KT_EPROTECTED;
    int code = open_container(self, sniffed);
    if (is_false_claim(input, code)) {
        (void)snprintf(self->why, sizeof self->why,
                       "opening the container: a table of more entries than the file holds");
        return KT_EDAMAGED;
    }
    if (code < 0)
        return media_fail(self, code, self->hit_end ? KT_ETRUNCATED : KT_EDAMAGED, "opening the container");
    if (kt_protection_of_streams(self->format, self->why, sizeof self->why))
        return KT_EPROTECTED;
    const uint64_t errors = kt_avlog_demuxer_errors();
    code                  = find_streams(self);  // which reads the packets of the first seconds
    if (kt_protection_of_streams(self->format, self->why, sizeof self->why))
        return KT_EPROTECTED;
    if (code < 0)
        return media_fail(self, code, KT_EDAMAGED, "looking for streams");
    select_streams(self);
    self->errors  = kt_avlog_demuxer_errors();
    self->trouble = self->errors > errors;
    // A decoder that refuses a size clears it.
    if (self->video && !self->video->codecpar->width && self->refused_width) {
        self->video->codecpar->width  = self->refused_width;
        self->video->codecpar->height = self->refused_height;
    }
    return KT_OK;
}

void
kt_media_close(kt_media_t *self)
{
    avformat_close_input(&self->format);
    av_packet_free(&self->packet);
    if (self->io)
        av_freep(&self->io->buffer);
    avio_context_free(&self->io);
}

// FFmpeg reads a chained Ogg as one stream as long as the codec stays. The first page of another one it refuses with
// EINVAL, or PATCHWELCOME where there were several streams, the pages behind that as invalid.
static bool
is_foreign_page(const kt_media_t *self, int code)
{
    return code < 0 && self->foreign < FOREIGN_MAX && !strcmp(self->format->iformat->name, "ogg") &&
           (code == AVERROR(EINVAL) || code == AVERROR_PATCHWELCOME || (self->foreign && code == AVERROR_INVALIDDATA));
}

kt_err_t
kt_media_read(kt_media_t *self, bool *end)
{
    av_packet_unref(self->packet);
    for (;;) {
        kt_av_begin();
        self->hit_end     = false;
        const int  code   = self->failures < FAILURES_MAX ? av_read_frame(self->format, self->packet) : AVERROR_EOF;
        const bool logged = kt_avlog_demuxer_errors() > self->errors;
        self->errors      = kt_avlog_demuxer_errors();
        if (self->io_failed || kt_av_is_memory(code))
            return media_fail(self, code, KT_EIO, "reading");
        *end = code == AVERROR_EOF;
        if (*end) {
            // Failures behind the last packet are none themselves: tags, junk, or the rest, which is given up.
            self->broken_off = self->failures > 0;
            self->given_up   = self->failures >= FAILURES_MAX;
            self->damaged    = self->damaged_before;
            return KT_OK;
        }
        if (is_foreign_page(self, code)) {
            self->foreign++;
            continue;
        }
        self->missing |= kt_avlog_missing_packets() > self->missing_packets;
        self->missing_packets = kt_avlog_missing_packets();
        self->trouble |= code < 0 || logged;
        self->failures = code < 0 ? self->failures + 1 : 0;
        self->damaged += code < 0 && !self->hit_end;
        self->damaged_before = code < 0 ? self->damaged_before : self->damaged;
        self->cut |= code < 0 && self->hit_end;
        if (code < 0)
            continue;
        if (kt_protection_of_packet(self->packet)) {
            (void)snprintf(self->why, sizeof self->why, "the packets are encrypted");
            return KT_EPROTECTED;
        }
        const int index = self->packet->stream_index;
        if ((self->audio && index == self->audio->index) || (self->video && index == self->video->index))
            return KT_OK;
        av_packet_unref(self->packet);
    }
}
