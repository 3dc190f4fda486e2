// FdStream -- an open file as TagLib reads and writes it. Unlike TagLib's own stream it keeps the first error of the
// system, so that a full disk is seen. Not copied; one thread.
#pragma once

#include <taglib/tiostream.h>

class FdStream : public TagLib::IOStream
{
  public:
    // fd: open, stays the caller's.
    FdStream(int fd, bool writable);
    // errno of the first failure; 0: none.
    int error() const
    {
        return error_;
    }

    TagLib::FileName name() const override
    {
        return "";
    }
    TagLib::ByteVector readBlock(unsigned long length) override;
    void               writeBlock(const TagLib::ByteVector &data) override;
    void               insert(const TagLib::ByteVector &data, unsigned long start, unsigned long replace) override;
    void               removeBlock(unsigned long start, unsigned long length) override;
    bool               readOnly() const override
    {
        return !writable_;
    }
    bool isOpen() const override
    {
        return true;
    }
    void seek(long offset, Position from) override;
    long tell() const override
    {
        return position_;
    }
    long length() override
    {
        return length_;
    }
    void truncate(long length) override;

  private:
    void write(const char *bytes, long n, long at);
    bool read(char *bytes, long n, long at);
    void move(long from, long to);

    int  fd_, error_ = 0;
    bool writable_;
    long position_ = 0, length_ = 0;
};
