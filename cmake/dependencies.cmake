# Every library that is not ours, by pkg-config: one imported target each (PkgConfig::NAME), linked where its one home is.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
foreach(dep
    ZMQ:libzmq CZMQ:libczmq MSGPACK:msgpack JANSSON:jansson SODIUM:libsodium SOXR:soxr SQLITE:sqlite3
    MICROHTTPD:libmicrohttpd PQ:libpq RABBITMQ:librabbitmq HIREDIS:hiredis OPENSSL:openssl CURL:libcurl ZLIB:zlib SECCOMP:libseccomp
    AVFORMAT:libavformat AVCODEC:libavcodec AVUTIL:libavutil SWRESAMPLE:libswresample CAIRO:cairo
    XXHASH:libxxhash YAML:yaml-0.1 SYSTEMD:libsystemd TAGLIB:taglib)
  string(REPLACE ":" ";" pair ${dep})
  list(GET pair 0 name)
  list(GET pair 1 module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()
find_package(dnnl REQUIRED) # imported target DNNL::dnnl
