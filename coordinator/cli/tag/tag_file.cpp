// One class per family of tags, which reads and writes a tag by its name in tags.def, and one per container, which
// opens the file and saves it.
#include "coordinator/cli/tag/tag_file.h"

#include "coordinator/cli/tag/fd_stream.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <taglib/aifffile.h>
#include <taglib/apefile.h>
#include <taglib/apetag.h>
#include <taglib/asffile.h>
#include <taglib/asftag.h>
#include <taglib/flacfile.h>
#include <taglib/id3v2extendedheader.h>
#include <taglib/id3v2framefactory.h>
#include <taglib/id3v2header.h>
#include <taglib/id3v2tag.h>
#include <taglib/mp4file.h>
#include <taglib/mp4tag.h>
#include <taglib/mpegfile.h>
#include <taglib/oggflacfile.h>
#include <taglib/opusfile.h>
#include <taglib/speexfile.h>
#include <taglib/textidentificationframe.h>
#include <taglib/vorbisfile.h>
#include <taglib/wavfile.h>
#include <taglib/xiphcomment.h>

using namespace TagLib;

namespace
{

class Tags
{
  public:
    virtual ~Tags()                                                         = default;
    virtual StringList      get(const char *name) const                     = 0;
    virtual void            set(const char *name, const StringList &values) = 0;
    virtual kt_tag_family_t family() const                                  = 0;
};

// --- ID3v2

const char   USER_TEXT[]      = "TXXX:";
const size_t USER_TEXT_PREFIX = sizeof USER_TEXT - 1;

class Id3Tags : public Tags
{
  public:
    explicit Id3Tags(ID3v2::Tag *tag) : tag_(tag)
    {
    }

    kt_tag_family_t family() const override
    {
        return tag_->header()->majorVersion() == 3 ? KT_TAGS_ID3V23 : KT_TAGS_ID3V24;
    }

    ID3v2::Version version() const
    {
        return family() == KT_TAGS_ID3V23 ? ID3v2::v3 : ID3v2::v4;
    }

    StringList get(const char *name) const override
    {
        if (const char *description = description_of(name)) {
            const auto *frame = find_user_text(description);
            StringList  values;
            if (frame) {
                values = frame->fieldList();
                values.erase(values.begin());  // the description
            }
            return values;
        }
        const ID3v2::FrameList &frames = tag_->frameList(name);
        const auto *frame = frames.isEmpty() ? nullptr : dynamic_cast<ID3v2::TextIdentificationFrame *>(frames.front());
        return frame ? frame->fieldList() : StringList();
    }

    void set(const char *name, const StringList &values) override
    {
        const char *description = description_of(name);
        if (!description) {
            tag_->removeFrames(name);
            if (!values.isEmpty())
                add(new ID3v2::TextIdentificationFrame(name, String::Latin1), values);
            return;
        }
        // A frame that is there keeps the spelling of its description.
        ID3v2::UserTextIdentificationFrame *frame = find_user_text(description);
        String                              spelled(description);
        if (frame) {
            spelled = frame->description();
            tag_->removeFrame(frame);
        }
        if (values.isEmpty())
            return;
        auto *added = new ID3v2::UserTextIdentificationFrame(String::Latin1);
        added->setDescription(spelled);
        StringList fields(spelled);
        fields.append(values);
        add(added, fields);
    }

  private:
    static const char *description_of(const char *name)
    {
        return strncmp(name, USER_TEXT, USER_TEXT_PREFIX) == 0 ? name + USER_TEXT_PREFIX : nullptr;
    }

    ID3v2::UserTextIdentificationFrame *find_user_text(const char *description) const
    {
        for (ID3v2::Frame *frame : tag_->frameList("TXXX")) {
            auto *user = dynamic_cast<ID3v2::UserTextIdentificationFrame *>(frame);
            if (user && user->description().upper() == String(description).upper())
                return user;
        }
        return nullptr;
    }

    void add(ID3v2::TextIdentificationFrame *frame, const StringList &fields)
    {
        for (const String &field : fields)
            if (!field.isLatin1())
                frame->setTextEncoding(version() == ID3v2::v3 ? String::UTF16 : String::UTF8);
        frame->ID3v2::TextIdentificationFrame::setText(fields);
        tag_->addFrame(frame);
    }

    ID3v2::Tag *tag_;
};

// --- Vorbis comments, APE, MP4, ASF

class XiphTags : public Tags
{
  public:
    XiphTags(Ogg::XiphComment *tag, kt_tag_family_t family) : tag_(tag), family_(family)
    {
    }

    kt_tag_family_t family() const override
    {
        return family_;
    }

    StringList get(const char *name) const override
    {
        const Ogg::FieldListMap &fields = tag_->fieldListMap();
        return fields.contains(name) ? fields[name] : StringList();
    }

    void set(const char *name, const StringList &values) override
    {
        tag_->removeFields(name);
        for (const String &value : values)
            tag_->addField(name, value, false);
    }

  private:
    Ogg::XiphComment *tag_;
    kt_tag_family_t   family_;
};

class ApeTags : public Tags
{
  public:
    explicit ApeTags(APE::Tag *tag) : tag_(tag)
    {
    }

    kt_tag_family_t family() const override
    {
        return KT_TAGS_APE;
    }

    StringList get(const char *name) const override
    {
        const APE::ItemListMap &items = tag_->itemListMap();
        return items.contains(name) ? items[name].values() : StringList();
    }

    void set(const char *name, const StringList &values) override
    {
        tag_->removeItem(name);
        if (!values.isEmpty())
            tag_->setItem(name, APE::Item(name, values));
    }

  private:
    APE::Tag *tag_;
};

class Mp4Tags : public Tags
{
  public:
    explicit Mp4Tags(MP4::Tag *tag) : tag_(tag)
    {
    }

    kt_tag_family_t family() const override
    {
        return KT_TAGS_MP4;
    }

    StringList get(const char *name) const override
    {
        const String key = spelled(name);
        if (!tag_->contains(key))
            return StringList();
        return is_number(name) ? StringList(String::number(tag_->item(key).toInt())) : tag_->item(key).toStringList();
    }

    void set(const char *name, const StringList &values) override
    {
        const String key = spelled(name);
        tag_->removeItem(key);
        if (!values.isEmpty())
            tag_->setItem(key, is_number(name) ? MP4::Item(values.front().toInt()) : MP4::Item(values));
    }

  private:
    static bool is_number(const char *name)
    {
        return strcmp(name, "tmpo") == 0;
    }

    // As the file has it: programs disagree about upper case.
    String spelled(const char *name) const
    {
        for (const auto &item : tag_->itemMap())
            if (item.first.upper() == String(name).upper())
                return item.first;
        return name;
    }

    MP4::Tag *tag_;
};

class AsfTags : public Tags
{
  public:
    explicit AsfTags(ASF::Tag *tag) : tag_(tag)
    {
    }

    kt_tag_family_t family() const override
    {
        return KT_TAGS_ASF;
    }

    StringList get(const char *name) const override
    {
        StringList values;
        for (const ASF::Attribute &attribute : tag_->attribute(name))
            values.append(attribute.toString());
        return values;
    }

    void set(const char *name, const StringList &values) override
    {
        tag_->removeItem(name);
        for (const String &value : values)
            tag_->addAttribute(name, ASF::Attribute(value));
    }

  private:
    ASF::Tag *tag_;
};

// --- containers

// An open file: its tags, and how it is saved.
class Container
{
  public:
    virtual ~Container()    = default;
    virtual File    *file() = 0;
    virtual Tags    *tags() = 0;
    virtual bool     save() = 0;
    virtual kt_err_t check(FdStream *, char[KT_TAG_WHY])
    {
        return KT_OK;
    }
};

// TagLib stops at the first frame that it cannot read and leaves out the rest, which would be lost by saving: behind
// the frames there may be zeros only.
kt_err_t
check_id3(const ID3v2::Tag *tag, FdStream *stream, long at, char why[KT_TAG_WHY])
{
    const ID3v2::Header *header = tag->header();
    const unsigned       major  = header->majorVersion();
    if (header->tagSize() == 0 || (major != 3 && major != 4) || header->unsynchronisation() || header->extendedHeader())
        return KT_OK;
    unsigned long used = 0;
    for (const ID3v2::Frame *frame : tag->frameList())
        used += frame->size() + ID3v2::Header::size();
    if (used >= header->tagSize())
        return KT_OK;
    stream->seek(at + ID3v2::Header::size() + used, IOStream::Beginning);
    const ByteVector rest = stream->readBlock(header->tagSize() - used);
    for (const char byte : rest)
        if (byte != 0) {
            snprintf(why, KT_TAG_WHY, "the ID3v2 tag is damaged behind its frame %u; what follows would be lost",
                     tag->frameList().size());
            return KT_EDAMAGED;
        }
    return KT_OK;
}

class Mp3 : public Container
{
  public:
    explicit Mp3(FdStream *stream)
        : file_(stream, ID3v2::FrameFactory::instance(), false), had_tag_(file_.hasID3v2Tag()),
          tags_(file_.ID3v2Tag(true))
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }

    bool save() override
    {
        return file_.save(MPEG::File::ID3v2, File::StripNone, tags_.version(), File::DoNotDuplicate);
    }

    kt_err_t check(FdStream *stream, char why[KT_TAG_WHY]) override
    {
        stream->seek(0, IOStream::Beginning);
        if (!had_tag_ && stream->readBlock(3) == ByteVector("ID3")) {
            snprintf(why, KT_TAG_WHY, "the ID3v2 tag at the beginning is damaged");
            return KT_EDAMAGED;
        }
        return check_id3(file_.ID3v2Tag(), stream, 0, why);
    }

  private:
    MPEG::File file_;
    bool       had_tag_;
    Id3Tags    tags_;
};

class Flac : public Container
{
  public:
    explicit Flac(FdStream *stream)
        : file_(stream, ID3v2::FrameFactory::instance(), false), tags_(file_.xiphComment(true), KT_TAGS_VORBIS)
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }
    bool save() override
    {
        return file_.save();
    }

    kt_err_t check(FdStream *, char why[KT_TAG_WHY]) override
    {
        if (!file_.hasID3v1Tag() && !file_.hasID3v2Tag())
            return KT_OK;
        snprintf(why, KT_TAG_WHY,
                 "a FLAC file with an ID3 tag, which would be copied into its comments: remove it first");
        return KT_EFORMAT;
    }

  private:
    FLAC::File file_;
    XiphTags   tags_;
};

template <class OggFile> class OggContainer : public Container
{
  public:
    OggContainer(FdStream *stream, kt_tag_family_t family) : file_(stream, false), tags_(file_.tag(), family)
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }
    bool save() override
    {
        return file_.save();
    }

  private:
    OggFile  file_;
    XiphTags tags_;
};

class M4a : public Container
{
  public:
    explicit M4a(FdStream *stream) : file_(stream, false), tags_(file_.tag())
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }
    bool save() override
    {
        return file_.save();
    }

  private:
    MP4::File file_;
    Mp4Tags   tags_;
};

class Wav : public Container
{
  public:
    explicit Wav(FdStream *stream) : file_(stream, false), tags_(file_.ID3v2Tag())
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }

    bool save() override
    {
        return file_.save(RIFF::WAV::File::ID3v2, File::StripNone, tags_.version());
    }

  private:
    RIFF::WAV::File file_;
    Id3Tags         tags_;
};

class Aiff : public Container
{
  public:
    explicit Aiff(FdStream *stream) : file_(stream, false), tags_(file_.tag())
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }
    bool save() override
    {
        return file_.save(tags_.version());
    }

  private:
    RIFF::AIFF::File file_;
    Id3Tags          tags_;
};

class MonkeysAudio : public Container
{
  public:
    explicit MonkeysAudio(FdStream *stream) : file_(stream, false), tags_(file_.APETag(true))
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }
    bool save() override
    {
        return file_.save();
    }

  private:
    APE::File file_;
    ApeTags   tags_;
};

class Wma : public Container
{
  public:
    explicit Wma(FdStream *stream) : file_(stream, false), tags_(file_.tag())
    {
    }

    File *file() override
    {
        return &file_;
    }
    Tags *tags() override
    {
        return &tags_;
    }
    bool save() override
    {
        return file_.save();
    }

  private:
    ASF::File file_;
    AsfTags   tags_;
};

std::unique_ptr<Container>
open_container(FdStream *stream, const kt_tag_format_t *format)
{
    switch (format->container) {
    case KT_TAG_MP3: return std::make_unique<Mp3>(stream);
    case KT_TAG_FLAC: return std::make_unique<Flac>(stream);
    case KT_TAG_OGG_VORBIS: return std::make_unique<OggContainer<Ogg::Vorbis::File>>(stream, KT_TAGS_VORBIS);
    case KT_TAG_OGG_OPUS: return std::make_unique<OggContainer<Ogg::Opus::File>>(stream, KT_TAGS_OPUS);
    case KT_TAG_OGG_FLAC: return std::make_unique<OggContainer<Ogg::FLAC::File>>(stream, KT_TAGS_VORBIS);
    case KT_TAG_OGG_SPEEX: return std::make_unique<OggContainer<Ogg::Speex::File>>(stream, KT_TAGS_VORBIS);
    case KT_TAG_M4A: return std::make_unique<M4a>(stream);
    case KT_TAG_WAV: return std::make_unique<Wav>(stream);
    case KT_TAG_AIFF: return std::make_unique<Aiff>(stream);
    case KT_TAG_MONKEYS_AUDIO: return std::make_unique<MonkeysAudio>(stream);
    case KT_TAG_WMA: return std::make_unique<Wma>(stream);
    }
    return nullptr;
}

// --- the two calls

kt_err_t
system_error(int error, char why[KT_TAG_WHY])
{
    snprintf(why, KT_TAG_WHY, "%s", strerror(error));
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? KT_EDISK : KT_EIO;
}

kt_err_t
open_checked(FdStream *stream, const kt_tag_format_t *format, std::unique_ptr<Container> *out, char why[KT_TAG_WHY])
{
    why[0] = '\0';
    *out   = open_container(stream, format);
    if (stream->error())
        return system_error(stream->error(), why);
    if (!*out || !(*out)->file()->isValid()) {
        snprintf(why, KT_TAG_WHY, "the tags of this %s file cannot be read", format->name);
        return KT_EDAMAGED;
    }
    return (*out)->check(stream, why);
}

void
copy_values(const StringList &values, kt_tag_texts_t *out)
{
    for (const String &value : values) {
        const std::string text = value.to8Bit(true);
        if (out->n == KT_TAG_VALUES || text.size() >= KT_TAG_BYTES || text.find('\0') != std::string::npos) {
            out->more = true;
            continue;
        }
        memcpy(out->text[out->n++], text.c_str(), text.size() + 1);
    }
    if (out->n == 0 && out->more)
        out->n = 1;  // there is one
}

StringList
list_of(const kt_tag_texts_t &values)
{
    StringList list;
    for (uint32_t i = 0; i < values.n; i++)
        list.append(String(values.text[i], String::UTF8));
    return list;
}

kt_err_t
read_tags(int fd, const kt_tag_format_t *format, kt_tag_set_t *out, char why[KT_TAG_WHY])
{
    FdStream                   stream(fd, false);
    std::unique_ptr<Container> container;
    kt_err_t                   err = open_checked(&stream, format, &container, why);
    memset(static_cast<void *>(out), 0, sizeof *out);
    for (int tag = 0; !err && tag < KT_TAGS; tag++)
        if (const char *name = kt_tag_name(static_cast<kt_tag_t>(tag), container->tags()->family()))
            copy_values(container->tags()->get(name), &out->tag[tag]);
    return err;
}

kt_err_t
write_tags(int fd, const kt_tag_format_t *format, uint32_t which, const kt_tag_set_t *values, char why[KT_TAG_WHY])
{
    FdStream                   stream(fd, true);
    std::unique_ptr<Container> container;
    if (kt_err_t err = open_checked(&stream, format, &container, why))
        return err;
    for (int tag = 0; tag < KT_TAGS; tag++) {
        const char *name = kt_tag_name(static_cast<kt_tag_t>(tag), container->tags()->family());
        if (name && which >> tag & 1)
            container->tags()->set(name, list_of(values->tag[tag]));
    }
    const bool saved = container->save();
    if (stream.error())
        return system_error(stream.error(), why);
    if (saved)
        return KT_OK;
    snprintf(why, KT_TAG_WHY, "the tags of this %s file cannot be written", format->name);
    return KT_EFORMAT;
}

// No exception leaves C++.
template <class Call>
kt_err_t
guarded(Call call, char why[KT_TAG_WHY])
{
    try {
        return call();
    } catch (const std::bad_alloc &) {
        snprintf(why, KT_TAG_WHY, "the tags need more memory than is permitted");
        return KT_ENOMEM;
    } catch (...) {
        snprintf(why, KT_TAG_WHY, "TagLib failed");
        return KT_EDAMAGED;
    }
}

}  // namespace

kt_err_t
kt_tag_file_read(int fd, const kt_tag_format_t *format, kt_tag_set_t *out, char why[KT_TAG_WHY])
{
    return guarded([&] { return read_tags(fd, format, out, why); }, why);
}

kt_err_t
kt_tag_file_write(int fd, const kt_tag_format_t *format, uint32_t which, const kt_tag_set_t *values,
                  char why[KT_TAG_WHY])
{
    return guarded([&] { return write_tags(fd, format, which, values, why); }, why);
}
