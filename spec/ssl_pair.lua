-- A certificate and its key that are always the same, for whatever needs no other.
--
-- SPDX-License-Identifier: MIT

local ssl = {}

--- A certificate of example.org, *.example.org and 127.0.0.1, signed by itself.
ssl.certificate = [[
-----BEGIN CERTIFICATE-----
MIIBXjCCARCgAwIBAgIBETAFBgMrZXAwFjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcw
IBcNMjYxMTMwMDgzMjU0WhgPMjEyNjExMDYwODMyNTRaMBYxFDASBgNVBAMMC2V4
YW1wbGUub3JnMCowBQYDK2VwAyEAJeHIneaWdQO65zuzw3J2E6tAu5S3IYlsyczj
C8S9D4ijgYAwfjAdBgNVHQ4EFgQUOOCk6a3vuyuzjiO6bpJWC475z10wHwYDVR0j
BBgwFoAUOOCk6a3vuyuzjiO6bpJWC475z10wDwYDVR0TAQH/BAUwAwEB/zArBgNV
HREEJDAiggtleGFtcGxlLm9yZ4INKi5leGFtcGxlLm9yZ4cEfwAAATAFBgMrZXAD
QQB+qGV9DjsiHy95aOr0eaK7wokR+sEInX1Vbu+OT6JQ/jml1UEukfNy6QQo60R3
SwClRUKvbP0KYNLuypdni3YO
-----END CERTIFICATE-----
]]

--- Its key.
ssl.key = [[
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIOGh7ZZJl871VASi7hZQ1pULku4UNcGLn3HsaUOIpuOf
-----END PRIVATE KEY-----
]]

return ssl
