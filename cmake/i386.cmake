# Toolchain: 32-bit programs by the host's gcc, with the libraries that tools/i386-root unpacks; they run on a 64-bit
# kernel, with the C library of that folder.
get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/../build-i386-root" ABSOLUTE)
if(NOT EXISTS "${root}/packages")
    message(FATAL_ERROR "${root} is missing: run tools/i386-root")
endif()
file(GLOB gcc "${root}/usr/lib/gcc/i686-linux-gnu/*")

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc)
set(CMAKE_SYSROOT "${root}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_C_FLAGS_INIT "-m32 -B${gcc} -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64")
set(CMAKE_EXE_LINKER_FLAGS_INIT
    "-L${gcc} -Wl,--dynamic-linker=${root}/lib/ld-linux.so.2 -Wl,--disable-new-dtags,-rpath,${root}/lib/i386-linux-gnu:${root}/usr/lib/i386-linux-gnu")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${root}")
set(ENV{PKG_CONFIG_LIBDIR} "${root}/usr/lib/i386-linux-gnu/pkgconfig:${root}/usr/share/pkgconfig")

set(CERTMILL_LEFT_OUT_WHY "socketcall(2) of 32-bit x86 hides its arguments from the filter, which lets more through")
set(CERTMILL_LEFT_OUT "unit.common.sandbox_(calls|escape)")
