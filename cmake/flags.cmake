# Compiler and linker flags of every target.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
                    -Wwrite-strings -Wvla -Wformat=2 -Wundef)
add_compile_definitions(_GNU_SOURCE CERTMILL_VERSION="${PROJECT_VERSION}")
include_directories(${CMAKE_SOURCE_DIR})

if(CERTMILL_WERROR)
    add_compile_options(-Werror)
endif()

add_compile_options(-fstack-protector-strong -fstack-clash-protection -fno-common
                    -fno-semantic-interposition)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    add_compile_options(-fcf-protection=full)
    # Debian's crt1.o says nothing of either, so that the linker would leave out both marks. It keeps to a
    # shadow stack, but its _init has no ENDBR64: so all of our code is made for IBT, but the mark would be a lie.
    add_link_options(-Wl,-z,shstk)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    add_compile_options(-mbranch-protection=standard)
endif()
if(CERTMILL_SANITIZE)
    add_compile_options(-fsanitize=${CERTMILL_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${CERTMILL_SANITIZE})
else()
    add_compile_options($<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE>
                        $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=3>)
    # No -ftrivial-auto-var-init: where a structure's initializer ends in padding, GCC 12 clears four octets at
    # a wrong place for it, in the middle of a member that has been set (seen in client/obtain.c, half a pointer).
endif()
if(CERTMILL_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_compile_definitions(CERTMILL_COVERAGE)
    add_link_options(--coverage)
endif()
if(CERTMILL_FUZZ)
    # coverage in every module, or the fuzzer sees nothing of what it calls
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
add_link_options(-Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code)
