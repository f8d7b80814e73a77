# Toolchain: Debian's musl-tools. Our code and its tests are compiled with musl's headers and linked, statically, to
# musl and to Debian's static archives, whose own C library was glibc: see docs/architecture.md.
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -no-pie")
set(CERTMILL_MUSL ON)

# libcurl.a wants libgssapi_krb5, libldap, libnghttp2 and others, which Debian has as shared libraries for glibc only.
set(CERTMILL_LEFT_OUT_WHY "Debian's libcurl cannot be linked statically")
set(CERTMILL_LEFT_OUT
    "certmilld|unit.issuer.(acme.*|aftercare|control|desk.*|http.*|limits_of_orders|ocsp|order.*|preflight_command|problem|renewal.*|revoke.*|submit)")
