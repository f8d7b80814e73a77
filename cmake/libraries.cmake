# What Debian brings; see docs/architecture.md for why each one.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

foreach(lib libuv libcurl yaml-0.1 jansson sqlite3 libidn2 libpsl libseccomp cunit)
    string(REGEX REPLACE "[^a-z0-9]" "_" name ${lib})
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${lib})
endforeach()
pkg_check_modules(openssl REQUIRED IMPORTED_TARGET openssl>=3.0)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto>=3.0)
pkg_check_modules(ldns REQUIRED IMPORTED_TARGET ldns>=1.8)
