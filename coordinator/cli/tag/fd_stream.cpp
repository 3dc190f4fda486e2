#include "coordinator/cli/tag/fd_stream.h"

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using TagLib::ByteVector;

static const long BLOCK = 1 << 20;

FdStream::FdStream(int fd, bool writable) : fd_(fd), writable_(writable)
{
    struct stat facts;
    if (fstat(fd, &facts))
        error_ = errno;
    else
        length_ = facts.st_size;
}

bool
FdStream::read(char *bytes, long n, long at)
{
    while (n > 0 && !error_) {
        const ssize_t got = pread(fd_, bytes, n, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            error_ = got < 0 ? errno : EIO;
        bytes += got;
        at += got;
        n -= got;
    }
    return !error_;
}

void
FdStream::write(const char *bytes, long n, long at)
{
    if (!writable_ && !error_)
        error_ = EBADF;
    while (n > 0 && !error_) {
        const ssize_t put = pwrite(fd_, bytes, n, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            error_ = put < 0 ? errno : EIO;
            return;
        }
        bytes += put;
        at += put;
        n -= put;
        length_ = std::max(length_, at);
    }
}

ByteVector
FdStream::readBlock(unsigned long length)
{
    const long n = std::min<unsigned long>(length, std::max(0L, length_ - position_));
    if (n <= 0)
        return ByteVector();
    ByteVector bytes(static_cast<unsigned int>(n));
    if (!read(bytes.data(), n, position_))
        return ByteVector();
    position_ += n;
    return bytes;
}

void
FdStream::writeBlock(const ByteVector &data)
{
    write(data.data(), data.size(), position_);
    position_ += data.size();
}

// Everything from one place to the end goes to another place; the file is not cut.
void
FdStream::move(long from, long to)
{
    std::vector<char> block(BLOCK);
    const long        n = length_ - from;
    for (long done = 0; done < n && !error_;) {
        const long part = std::min(BLOCK, n - done);
        const long at   = to < from ? done : n - done - part;  // upwards from the end, so that nothing is overwritten
        if (read(block.data(), part, from + at))
            write(block.data(), part, to + at);
        done += part;
    }
}

void
FdStream::insert(const ByteVector &data, unsigned long start, unsigned long replace)
{
    const long end     = std::min<unsigned long>(start + replace, length_),
               new_end = static_cast<long>(start) + data.size();
    const long length  = length_ - end + new_end;
    if (end < length_ && end != new_end)
        move(end, new_end);
    write(data.data(), data.size(), static_cast<long>(start));
    if (length < length_)
        truncate(length);
}

void
FdStream::removeBlock(unsigned long start, unsigned long length)
{
    insert(ByteVector(), start, length);
}

void
FdStream::seek(long offset, Position from)
{
    const long base = from == Beginning ? 0 : from == Current ? position_ : length_;
    position_       = std::max(0L, base + offset);
}

void
FdStream::truncate(long length)
{
    if (!error_ && ftruncate(fd_, length))
        error_ = errno;
    if (!error_)
        length_ = length;
}
