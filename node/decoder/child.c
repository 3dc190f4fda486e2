#include "node/decoder/child.h"

#include "node/decoder/avlog.h"
#include "node/decoder/bytes/mpeg.h"
#include "node/decoder/film.h"
#include "node/decoder/further_tags.h"
#include "node/decoder/hooks.h"
#include "node/decoder/media_info.h"
#include "node/decoder/packets.h"
#include "node/decoder/sound.h"

#include <libavutil/md5.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

// INDEX_BYTES: larger blocks have pages of their own while a container is opened. KEEP_BYTES: of freed memory, later.
// OPEN_CPU_S: processor time until the media info is there: some demuxers need time that
// grows with the square of the number of tags.
// TAIL_BYTES: tags behind the last packet have fewer.
enum { INDEX_BYTES = 1 << 20, KEEP_BYTES = 32 << 20, LIVE_WAIT_S = 10, OPEN_CPU_S = 4, TAIL_BYTES = 4096 };

// A stream that is wanted or only counted.
typedef struct part {
    kt_coder_t coder;
    bool       wanted;
    bool       last_short;  // the last packet is incomplete by its own header or by the container
    kt_err_t   err;         // why it gives nothing, or nothing any more
} part_t;

typedef struct child {
    kt_channel_t     channel;
    kt_input_t       input;
    kt_id3_t         id3;
    kt_sniffed_t     sniffed;
    kt_media_t       media;
    kt_media_info_t  media_info;
    kt_counts_t      counts;
    kt_packets_t     packets;  // that were read before the media info was complete
    part_t           parts[KT_COUNTS_STREAMS];
    kt_sound_t       sound;
    kt_film_t        film;
    kt_decode_want_t want;
    struct AVMD5    *md5;                         // of the packets of the sound; NULL: not wanted
    uint64_t         last_sound_byte, last_byte;  // where the last packet of the sound ends, and of all; 0: unknown
    int64_t          other_bytes;                 // that were read and are in no packet of the sound
    bool             ended;                       // the file has been read
    bool             broken_off;                  // a stream was given up
} child_t;

static kt_channel_t *opening;  // of the file whose container is being opened; else NULL

static void
on_open_time(int signal)
{
    (void)signal;
    if (opening)
        kt_channel_fault(opening, KT_EDECCPU,
                         "opening the container takes too long: a file of very many tags or parts");
}

// A signal handler and a timer, because a demuxer cannot be interrupted. Before the sandbox, which permits neither.
static void
limit_opening(kt_channel_t *channel)
{
    const struct sigaction action = {.sa_handler = on_open_time};
    opening                       = channel;
    if (sigaction(SIGPROF, &action, NULL) ||
        setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {.tv_sec = OPEN_CPU_S}}, NULL))
        kt_channel_fault(channel, KT_ESYSTEM, "no timer for opening the file");
}

static void
fault_unless_ok(child_t *self, kt_err_t err, const char *why)
{
    if (err != KT_OK)
        kt_channel_fault(&self->channel, err, why);
}

static kt_counts_stream_t
packet_stream(const child_t *self, const AVPacket *packet)
{
    const AVStream *video = self->media.video;
    return video && packet->stream_index == video->index ? KT_COUNTS_PICTURE : KT_COUNTS_SOUND;
}

// Not for showing: outside of an edit list's part, or a VP8 picture that is only a reference (RFC 6386 9.1,
// show_frame).
static bool
is_hidden(const AVPacket *packet, const AVStream *stream)
{
    bool vp8 = stream && stream->codecpar->codec_id == AV_CODEC_ID_VP8 && packet->size > 0;
    return packet->flags & AV_PKT_FLAG_DISCARD || (vp8 && !(packet->data[0] & 0x10));
}

// Incomplete by its own header, or by the container; blocks of plain samples may have any size.
static bool
is_short(const child_t *self, const AVPacket *packet)
{
    const AVStream *of = self->parts[packet_stream(self, packet)].coder.stream;
    if (packet->flags & AV_PKT_FLAG_CORRUPT && of && av_get_exact_bits_per_sample(of->codecpar->codec_id) == 0)
        return true;
    return self->sound.raw && packet->size >= KT_MPEG_HEADER &&
           (size_t)packet->size < kt_mpeg_frame_bytes(packet->data);
}

// The time stamp shows what index and tables of a container say about a packet.
static void
digest_packet(child_t *self, const AVPacket *packet)
{
    const int64_t head[] = {packet->size, packet->pts};
    av_md5_update(self->md5, (const uint8_t *)head, sizeof head);
    if (packet->size > 0)
        av_md5_update(self->md5, packet->data, (size_t)packet->size);
}

static void
count_packet(child_t *self, const AVPacket *packet)
{
    const kt_counts_stream_t stream = packet_stream(self, packet);
    self->parts[stream].coder.packets++;
    if (self->md5 && stream == KT_COUNTS_SOUND)
        digest_packet(self, packet);
    if (packet->pos >= 0) {
        const uint64_t end    = self->media.start + (uint64_t)packet->pos + (uint64_t)packet->size;
        self->last_sound_byte = stream == KT_COUNTS_SOUND ? end : self->last_sound_byte;
        self->last_byte       = end > self->last_byte ? end : self->last_byte;
    }
    self->parts[stream].last_short = is_short(self, packet);
    // FFmpeg discards what a fragment of MP4 repeats of the time of the one before, whatever it holds.
    if (packet->flags & AV_PKT_FLAG_DISCARD && self->media.extent.fragmented && packet->duration > 0)
        kt_counts_lost(&self->counts, stream,
                       (double)packet->duration * av_q2d(self->parts[stream].coder.stream->time_base));
    kt_counts_packet(&self->counts, stream,
                     &(kt_counts_packet_t){.pts      = packet->pts,
                                           .dts      = packet->dts,
                                           .duration = packet->duration,
                                           .bytes    = packet->size > 0 ? (uint64_t)packet->size : 0,
                                           .key      = (packet->flags & AV_PKT_FLAG_KEY) != 0,
                                           .hidden   = is_hidden(packet, self->parts[stream].coder.stream)});
}

// A stream that cannot be decoded further: memory is too short for its pictures, for example. The other one goes on.
static void
check_part(child_t *self, kt_counts_stream_t stream, kt_err_t err)
{
    part_t *part = &self->parts[stream];
    for (uint64_t n = kt_coder_damage(&part->coder); n > 0; n--)
        kt_counts_damaged(&self->counts, stream);
    fault_unless_ok(self, err == KT_ETOOLONG ? err : KT_OK, "more sound or film than is permitted");
    if (!err)
        return;
    part->err = err;
    self->broken_off |= self->sound.frames > 0 || self->film.sent > 0;
    kt_coder_close(&part->coder);
}

// Of a packet that was counted; NULL: the end of the stream.
static void
decode_packet(child_t *self, kt_counts_stream_t stream, AVPacket *packet)
{
    if (self->parts[stream].coder.codec)
        check_part(self, stream,
                   stream == KT_COUNTS_SOUND ? kt_sound_packet(&self->sound, packet)
                                             : kt_film_packet(&self->film, packet));
}

// Of raw AAC, FFmpeg skips what is no frame without a word, and its positions do not show it: bytes that were read and
// are in no packet do. Some packets are read ahead.
static void
note_skipped(child_t *self)
{
    enum { AHEAD_PACKETS = 3, AHEAD_BYTES = 2048 };
    if (!self->sound.raw || self->input.stream || self->counts.counts.audio.packets == 0)
        return;
    const kt_stream_counts_t *sound   = &self->counts.counts.audio;
    const int64_t             other   = avio_tell(self->media.io) - (int64_t)sound->bytes;
    const int64_t             skipped = other - self->other_bytes;
    const int64_t             usual   = (int64_t)(sound->bytes / sound->packets);
    if (sound->packets > 1 && skipped > AHEAD_PACKETS * usual + AHEAD_BYTES)
        kt_sound_skip(&self->sound, (uint64_t)skipped);
    else if (sound->packets > 1 && skipped > 0)
        return;
    self->other_bytes = other;
}

static bool
read_packet(child_t *self)
{
    fault_unless_ok(self, kt_media_read(&self->media, &self->ended), self->media.why);
    if (self->media.trouble) {
        self->media.trouble = false;
        kt_counts_trouble(&self->counts);
        kt_sound_trouble(&self->sound);
    }
    self->sound.trouble |= self->media.missing;
    self->media.missing = false;
    if (!self->ended) {
        count_packet(self, self->media.packet);
        note_skipped(self);
    }
    return !self->ended;
}

static void
open_part(child_t *self, kt_counts_stream_t stream, AVStream *of, bool wanted)
{
    part_t *part       = &self->parts[stream];
    part->wanted       = wanted;
    part->coder.stream = of;
    if (!wanted || !of)
        return;
    part->err = kt_coder_open(&part->coder, of, &self->want);
}

static bool
is_missing(const part_t *part)
{
    return part->coder.codec && !part->coder.ready;
}

// Packets of a stream that is still being written wait for those of the other for a limited time of its content.
static bool
is_waiting_long(child_t *self, double *since_s, const AVPacket *packet)
{
    const AVStream *of = self->parts[packet_stream(self, packet)].coder.stream;
    if (!self->input.stream || packet->dts == AV_NOPTS_VALUE)
        return false;
    const double now_s = (double)packet->dts * av_q2d(of->time_base);
    *since_s           = self->packets.count > 0 ? *since_s : now_s;
    return now_s > *since_s + LIVE_WAIT_S;
}

// Reads until each decoder has given its first frame, which the media info needs: other packets wait. A stream whose
// first frame does not come within the bound of the queue is described by its container alone.
static void
decode_first_frames(child_t *self)
{
    AVPacket *packet  = self->media.packet;
    double    since_s = 0;
    bool      late    = false;
    while ((is_missing(&self->parts[0]) || is_missing(&self->parts[1])) && !kt_packets_full(&self->packets) && !late &&
           read_packet(self)) {
        late                            = is_waiting_long(self, &since_s, packet);
        const kt_counts_stream_t stream = packet_stream(self, packet);
        part_t                  *part   = &self->parts[stream];
        if (is_missing(part))
            check_part(self, stream, kt_coder_first(&part->coder, packet));
        else if (part->coder.codec)
            fault_unless_ok(self, kt_packets_push(&self->packets, packet), "too little memory for packets");
    }
    for (int i = 0; i < KT_COUNTS_STREAMS && self->ended; i++) {
        part_t *part = &self->parts[i];
        if (is_missing(part))
            check_part(self, (kt_counts_stream_t)i, kt_coder_first(&part->coder, NULL));
        if (is_missing(part))
            check_part(self, (kt_counts_stream_t)i, kt_coder_nothing(&part->coder));
    }
}

// What the sound's first frame would state.
static kt_err_t
describe_sound(AVFrame *out, const AVCodecParameters *par)
{
    out->sample_rate = par->sample_rate;
    out->format      = par->format;
    return av_channel_layout_copy(&out->ch_layout, &par->ch_layout) < 0 ? KT_EDECMEM : KT_OK;
}

static void
begin_sound(child_t *self)
{
    kt_coder_t *coder = &self->parts[KT_COUNTS_SOUND].coder;
    kt_err_t    err   = KT_OK;
    if (!coder->codec)
        return;
    if (!coder->ready)
        err = describe_sound(coder->frame, coder->stream->codecpar);
    check_part(self, KT_COUNTS_SOUND, err ? err : kt_sound_init(&self->sound, coder->frame));
}

static void
begin_film(child_t *self)
{
    kt_coder_t *coder     = &self->parts[KT_COUNTS_PICTURE].coder;
    self->film.duration_s = self->media_info.duration_s;
    self->film.start_s    = self->media_info.start_s;
    if (coder->codec && coder->ready)
        check_part(self, KT_COUNTS_PICTURE, kt_film_init(&self->film, coder->frame));
}

// The error of a file that gives nothing of what is wanted: that of the sound, or of the picture if there is no sound.
// A file whose streams are not wanted is only counted.
static void
fault_if_nothing(child_t *self)
{
    const part_t *failed = NULL;
    bool          there  = false;
    for (int i = 0; i < KT_COUNTS_STREAMS; i++) {
        const part_t *part = &self->parts[i];
        there |= part->coder.stream != NULL;
        if (!part->coder.stream || !part->wanted)
            continue;
        if (!part->err)
            return;
        failed = failed ? failed : part;
    }
    if (!there)
        kt_channel_fault(&self->channel, KT_ENOAUDIO, "neither a sound nor a moving picture");
    if (failed)
        kt_channel_fault(&self->channel, failed->err, failed->coder.why);
}

static void
send_media_info(child_t *self)
{
    const part_t  *sound = &self->parts[KT_COUNTS_SOUND], *film = &self->parts[KT_COUNTS_PICTURE];
    const AVFrame *first[KT_COUNTS_STREAMS] = {NULL};
    for (int i = 0; i < KT_COUNTS_STREAMS; i++)
        if (self->parts[i].coder.ready)
            first[i] = self->parts[i].coder.frame;
    kt_media_info_fill(&self->media_info, &self->media, &self->sniffed, &self->id3, first[KT_COUNTS_SOUND],
                       first[KT_COUNTS_PICTURE]);
    begin_sound(self);
    begin_film(self);
    (void)snprintf(self->media_info.audio_why, KT_MEDIA_WHY, "%s", sound->err ? sound->coder.why : "");
    (void)snprintf(self->media_info.video_why, KT_MEDIA_WHY, "%s", film->err ? film->coder.why : "");
    kt_channel_media_info(&self->channel, &self->media_info);
}

// The last page of an Ogg states where its stream ends: recordings of a screen that does not change any more have no
// picture there. 0: not so, or something may be missing before it.
static double
stated_end_s(const child_t *self)
{
    enum { PAGE_BYTES = 65307 };
    const AVStream *film = self->media.video;
    if (strcmp(self->sniffed.demuxer, "ogg") != 0 || !film || film->duration <= 0 ||
        film->start_time == AV_NOPTS_VALUE || self->media.extent.unmarked[0] || self->media.foreign ||
        self->last_byte + PAGE_BYTES < self->input.size)
        return 0;
    return (double)(film->start_time + film->duration) * av_q2d(film->time_base);
}

// Everything after the media info.
static void
decode_rest(child_t *self)
{
    AVPacket *packet = self->media.packet;
    if (self->parts[KT_COUNTS_SOUND].coder.codec)
        check_part(self, KT_COUNTS_SOUND, kt_sound_ready(&self->sound));
    if (self->parts[KT_COUNTS_PICTURE].coder.codec)
        check_part(self, KT_COUNTS_PICTURE, kt_film_ready(&self->film));
    for (av_packet_unref(packet); kt_packets_pop(&self->packets, packet); av_packet_unref(packet))
        decode_packet(self, packet_stream(self, packet), packet);
    while (!self->ended && read_packet(self))
        decode_packet(self, packet_stream(self, packet), packet);
    self->film.end_s = self->input.stream ? 0 : stated_end_s(self);
    for (int i = 0; i < KT_COUNTS_STREAMS; i++)
        decode_packet(self, (kt_counts_stream_t)i, NULL);
}

static void
note_nothing(child_t *self)
{
    const uint64_t given[KT_COUNTS_STREAMS] = {
        [KT_COUNTS_SOUND] = self->sound.frames, [KT_COUNTS_PICTURE] = self->film.sent};
    for (int i = 0; i < KT_COUNTS_STREAMS; i++)
        if (self->parts[i].coder.codec && !self->parts[i].err && !given[i])
            self->parts[i].err = kt_coder_nothing(&self->parts[i].coder);
}

// Of raw frames, FFmpeg leaves out what lies behind the last one without a word: tags, and damage.
static void
note_tail(child_t *self)
{
    const uint64_t            end = self->media.extent.bytes, last = self->last_sound_byte;
    const kt_stream_counts_t *c = &self->counts.counts.audio;
    if (self->sound.raw && end <= self->input.size && last > 0 && end > last + TAIL_BYTES && c->bytes > 0)
        kt_counts_lost(&self->counts, KT_COUNTS_SOUND, (double)(end - last) * c->coded_s / (double)c->bytes);
}

// More than tags behind the last packet, and the demuxer failed there.
static bool
has_tail(const child_t *self)
{
    return self->media.broken_off && !self->input.stream && self->last_byte > 0 &&
           self->input.size > self->last_byte + TAIL_BYTES;
}

// Sound that begins inside of what a tag claims; a tag of too many frames for FFmpeg.
static void
place_start(child_t *self)
{
    const kt_id3_t *id3 = &self->id3;
    if (id3->sound && !strcmp(self->sniffed.demuxer, "mp3"))
        self->sniffed.start = id3->sound;
    else if (!self->sniffed.start && id3->frames > KT_ID3_FRAMES_FFMPEG)
        self->sniffed.start = id3->end;
}

// A demuxer that fails at the first beginning gets one more, further on, if there is one: damage may look like a
// header.
static void
open_container(child_t *self, uint64_t search_bytes)
{
    char     why[KT_SNIFF_WHY], failed[sizeof self->media.why];
    kt_err_t err = kt_id3_read(&self->input, &self->id3);
    fault_unless_ok(self, err, "reading the tag");
    err = kt_sniff(&self->input, search_bytes, &self->sniffed, why);
    fault_unless_ok(self, err, why);
    place_start(self);
    err = kt_media_open(&self->media, &self->input, &self->sniffed);
    if ((err == KT_EDAMAGED || err == KT_ETRUNCATED) && !self->input.stream) {
        memcpy(failed, self->media.why, sizeof failed);
        kt_media_close(&self->media);
        if (kt_sniff_further(&self->input, search_bytes, &self->sniffed) != KT_OK ||
            kt_media_open(&self->media, &self->input, &self->sniffed) != KT_OK || !self->media.audio)
            fault_unless_ok(self, err, failed);
        err = KT_OK;
    }
    fault_unless_ok(self, err, self->media.why);
    fault_unless_ok(self, kt_further_tags_read(&self->input, &self->sniffed, &self->id3), "reading the tags");
}

// Frames without a container.
static bool
is_raw(const char *demuxer)
{
    static const char *const RAW[] = {"mp3", "aac", "ac3", "eac3"};
    for (size_t i = 0; i < sizeof RAW / sizeof *RAW; i++)
        if (!strcmp(RAW[i], demuxer))
            return true;
    return false;
}

static void
open_media(child_t *self, uint64_t search_bytes)
{
    open_container(self, search_bytes);
    const AVStream  *sound = self->media.audio, *film = self->media.video;
    const AVRational rate = film ? film->avg_frame_rate : (AVRational){0, 1};
    kt_counts_init(&self->counts, sound ? av_q2d(sound->time_base) : 0, film ? av_q2d(film->time_base) : 0,
                   rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0, self->media.joined);
    self->sound.raw    = is_raw(self->sniffed.demuxer);
    self->sound.joined = self->film.joined = self->media.joined;
    self->film.by_order                    = !strcmp(self->sniffed.demuxer, "avi");
    open_part(self, KT_COUNTS_SOUND, self->media.audio, self->want.sound);
    open_part(self, KT_COUNTS_PICTURE, self->media.video, self->want.pictures);
}

static void
child_set_up(child_t *self, const kt_decode_request_t *request)
{
    self->want                 = request->want;
    self->md5                  = request->want.digest ? av_md5_alloc() : NULL;
    self->sound.coder          = &self->parts[KT_COUNTS_SOUND].coder;
    self->sound.channel        = &self->channel;
    self->sound.counts         = &self->counts;
    self->sound.max_duration_s = request->limits.max_duration_s;
    self->film.coder           = &self->parts[KT_COUNTS_PICTURE].coder;
    self->film.channel         = &self->channel;
    self->film.counts          = &self->counts;
    self->film.want            = request->want;
    self->film.max_duration_s  = request->limits.max_duration_s;
    if (self->md5)
        av_md5_init(self->md5);
}

void
kt_child_run(const kt_sandbox_t *sandbox, const kt_test_faults_t *faults, const kt_decode_request_t *request,
             const int fds[KT_REQUEST_FDS])
{
    static child_t self;  // 1.5 MB; a process runs one
    if (kt_sandbox_descriptors(fds) != KT_OK)
        _exit(1);
    if (kt_channel_init(&self.channel, KT_CHILD_CONTROL_FD, KT_CHILD_RING_FD, request->want.pictures) != KT_OK)
        _exit(1);
    close(KT_CHILD_RING_FD);
    child_set_up(&self, request);
    fault_unless_ok(&self, request->want.digest && !self.md5 ? KT_EDECMEM : KT_OK, "too little memory for a digest");
    fault_unless_ok(&self, kt_input_init(&self.input, KT_CHILD_MEDIA_FD), "the file's size is unknown");
    self.channel.live = self.input.stream;
    limit_opening(&self.channel);
    fault_unless_ok(&self, kt_sandbox_enter(sandbox, &request->limits), "the sandbox could not be set up");
    kt_hooks_fault(faults, &self.channel, self.input.size);

    // The media info is sent after the first frames, which the converter and some of the info need. A file of which
    // nothing can be decoded has its info sent before the error.
    // The index of a long file grows, and is built twice: the system moves its pages and gets them back. By itself the
    // C library would keep what is freed after the first large block.
    (void)mallopt(M_MMAP_THRESHOLD, INDEX_BYTES);
    open_media(&self, request->limits.search_bytes);
    opening = NULL;
    // A decoder frees and takes a megabyte per picture: given back to the system each time, its pages would cost 7 % of
    // the decoding of 720p.
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    decode_first_frames(&self);
    send_media_info(&self);
    fault_if_nothing(&self);
    decode_rest(&self);
    note_nothing(&self);
    fault_if_nothing(&self);

    for (uint64_t i = 0; i < self.media.damaged; i++)
        kt_counts_damaged(&self.counts, self.media.audio ? KT_COUNTS_SOUND : KT_COUNTS_PICTURE);
    for (int i = 0; i < KT_COUNTS_STREAMS; i++) {
        const part_t *part   = &self.parts[i];
        const bool    failed = part->coder.last_failed && !part->coder.before_failed;
        const bool    cut    = failed || part->last_short || (self.media.cut && part->coder.packets > 0);
        if (cut && !self.media.given_up)  // else the last packet is not at the end of the file
            kt_counts_cut(&self.counts, (kt_counts_stream_t)i, failed);
    }
    note_tail(&self);
    self.counts.counts.audio.unsupported = kt_coder_unsupported(&self.parts[KT_COUNTS_SOUND].coder);
    self.counts.counts.video.unsupported = kt_coder_unsupported(&self.parts[KT_COUNTS_PICTURE].coder);
    kt_media_counts_t counts;
    const bool        every = self.film.sent > 0 && self.want.mode == KT_PICTURES_FULL && !self.broken_off;
    kt_counts_finish(&self.counts, every, &counts);
    counts.broken_off = self.media.given_up || has_tail(&self) || self.broken_off;
    counts.foreign    = self.media.foreign > 0;
    counts.read_bytes = self.last_byte;
    if (self.md5)
        av_md5_final(self.md5, counts.sound_digest);
    kt_channel_end(&self.channel, &counts);
}
