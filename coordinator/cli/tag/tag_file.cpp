// One class per family of tags, which reads and writes a tag by its name in tags.def, and one template for the open
// files of all containers, with overloads of tag_of, save_file and check_file where a class of TagLib differs.
#include "coordinator/cli/tag/tag_file.h"

#include "coordinator/cli/tag/fd_stream.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <taglib/aifffile.h>
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
    explicit Tags(kt_tag_family_t family) : family_(family)
    {
    }
    virtual ~Tags()                                                    = default;
    virtual StringList get(const char *name) const                     = 0;
    virtual void       set(const char *name, const StringList &values) = 0;

    kt_tag_family_t family() const
    {
        return family_;
    }

  private:
    kt_tag_family_t family_;
};

// The tags in an object of TagLib's, which the open file owns; nullptr where it is not valid.
template <class Tag> class TagsOf : public Tags
{
  public:
    TagsOf(Tag *tag, kt_tag_family_t family) : Tags(family), tag_(tag)
    {
    }

  protected:
    Tag *tag_;
};

// --- ID3v2

const char   USER_TEXT[]      = "TXXX:";
const size_t USER_TEXT_PREFIX = sizeof USER_TEXT - 1;

class Id3Tags : public TagsOf<ID3v2::Tag>
{
  public:
    Id3Tags(ID3v2::Tag *tag, kt_tag_family_t family)
        : TagsOf(tag, tag && tag->header()->majorVersion() == 3 ? KT_TAGS_ID3V23 : family)
    {
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
};

// --- Vorbis comments, MP4, ASF

class XiphTags : public TagsOf<Ogg::XiphComment>
{
  public:
    using TagsOf::TagsOf;

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
};

class Mp4Tags : public TagsOf<MP4::Tag>
{
  public:
    using TagsOf::TagsOf;

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
};

class AsfTags : public TagsOf<ASF::Tag>
{
  public:
    using TagsOf::TagsOf;

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
};

// --- containers

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

// The tag of an open file, made where it has none.
template <class TagFile>
auto
tag_of(TagFile &file)
{
    return file.tag();
}

ID3v2::Tag *
tag_of(MPEG::File &file)
{
    return file.ID3v2Tag(true);
}

ID3v2::Tag *
tag_of(RIFF::WAV::File &file)
{
    return file.ID3v2Tag();
}

Ogg::XiphComment *
tag_of(FLAC::File &file)
{
    return file.xiphComment(true);
}

// Files with ID3v2 tags keep their version and their other tags.
bool
save_file(File &file, const Tags &)
{
    return file.save();
}

bool
save_file(MPEG::File &file, const Id3Tags &tags)
{
    return file.save(MPEG::File::ID3v2, File::StripNone, tags.version(), File::DoNotDuplicate);
}

bool
save_file(RIFF::WAV::File &file, const Id3Tags &tags)
{
    return file.save(RIFF::WAV::File::ID3v2, File::StripNone, tags.version());
}

bool
save_file(RIFF::AIFF::File &file, const Id3Tags &tags)
{
    return file.save(tags.version());
}

// What forbids to write the tags of a valid file.
kt_err_t
check_file(File &, FdStream *, char[KT_TAG_WHY])
{
    return KT_OK;
}

kt_err_t
check_file(MPEG::File &file, FdStream *stream, char why[KT_TAG_WHY])
{
    stream->seek(0, IOStream::Beginning);
    if (!file.hasID3v2Tag() && stream->readBlock(3) == ByteVector("ID3")) {
        snprintf(why, KT_TAG_WHY, "the ID3v2 tag at the beginning is damaged");
        return KT_EDAMAGED;
    }
    return check_id3(file.ID3v2Tag(), stream, 0, why);
}

kt_err_t
check_file(FLAC::File &file, FdStream *, char why[KT_TAG_WHY])
{
    if (!file.hasID3v1Tag() && !file.hasID3v2Tag())
        return KT_OK;
    snprintf(why, KT_TAG_WHY, "a FLAC file with an ID3 tag, which would be copied into its comments: remove it first");
    return KT_EFORMAT;
}

class Container
{
  public:
    virtual ~Container()                                           = default;
    virtual bool     is_valid() const                              = 0;
    virtual Tags    *tags()                                        = 0;
    virtual bool     save()                                        = 0;
    virtual kt_err_t check(FdStream *stream, char why[KT_TAG_WHY]) = 0;
};

template <class TagFile, class FileTags> class ContainerOf : public Container
{
  public:
    // more: what the constructor of TagFile wants between the stream and whether it reads the properties of the sound.
    template <class... More>
    ContainerOf(FdStream *stream, kt_tag_family_t family, More... more)
        : file_(stream, more..., false), tags_(tag_of(file_), family)
    {
    }

    bool is_valid() const override
    {
        return file_.isValid();
    }
    Tags *tags() override
    {
        return &tags_;
    }
    bool save() override
    {
        return save_file(file_, tags_);
    }
    kt_err_t check(FdStream *stream, char why[KT_TAG_WHY]) override
    {
        return check_file(file_, stream, why);
    }

  private:
    TagFile  file_;
    FileTags tags_;
};

template <class TagFile, class FileTags, class... More>
std::unique_ptr<Container>
open_as(FdStream *stream, const kt_tag_format_t *format, More... more)
{
    return std::make_unique<ContainerOf<TagFile, FileTags>>(stream, format->family, more...);
}

std::unique_ptr<Container>
open_container(FdStream *stream, const kt_tag_format_t *format)
{
    ID3v2::FrameFactory *const frames = ID3v2::FrameFactory::instance();
    switch (format->container) {
    case KT_TAG_MP3: return open_as<MPEG::File, Id3Tags>(stream, format, frames);
    case KT_TAG_FLAC: return open_as<FLAC::File, XiphTags>(stream, format, frames);
    case KT_TAG_OGG_VORBIS: return open_as<Ogg::Vorbis::File, XiphTags>(stream, format);
    case KT_TAG_OGG_OPUS: return open_as<Ogg::Opus::File, XiphTags>(stream, format);
    case KT_TAG_OGG_FLAC: return open_as<Ogg::FLAC::File, XiphTags>(stream, format);
    case KT_TAG_M4A: return open_as<MP4::File, Mp4Tags>(stream, format);
    case KT_TAG_WAV: return open_as<RIFF::WAV::File, Id3Tags>(stream, format);
    case KT_TAG_AIFF: return open_as<RIFF::AIFF::File, Id3Tags>(stream, format);
    case KT_TAG_WMA: return open_as<ASF::File, AsfTags>(stream, format);
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
    if (!*out || !(*out)->is_valid()) {
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
