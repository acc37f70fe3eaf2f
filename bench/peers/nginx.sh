#!/bin/sh
# SPDX-License-Identifier: MIT
# nginx with its Lua module, in one process: what moonport/http.lua serves.   nginx.sh FOLDER PORT
set -eu
folder=$1/nginx
mkdir -p "$folder"
cat >"$folder/nginx.conf" <<END
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon off; master_process off; pid $folder/pid; error_log stderr;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 1000000000; default_type text/plain;
    client_body_temp_path $folder/a; proxy_temp_path $folder/b; fastcgi_temp_path $folder/c;
    uwsgi_temp_path $folder/d; scgi_temp_path $folder/e;
    init_by_lua_block { json = require "cjson" }
    server {
        listen 127.0.0.1:$2; root $1/web; sendfile on; tcp_nopush on;
        location = /hello {
            content_by_lua_block {
                ngx.header["Content-Type"] = "text/plain"
                ngx.header["Content-Length"] = 6
                ngx.print("hello\n")
            }
        }
        location ~ ^/users/([^/]+)$ {
            content_by_lua_block {
                local text = json.encode { id = ngx.var[1], name = "Somebody", roles = { "reader", "writer" } }
                ngx.header["Content-Type"] = "application/json"
                ngx.header["Content-Length"] = #text
                ngx.print(text)
            }
        }
    }
}
END
exec nginx -e stderr -c "$folder/nginx.conf"
