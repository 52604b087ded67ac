#!/usr/bin/env bash
# npm run build: src -> dist.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

npx --no-install tsc -p tsconfig.build.json

# What has no source any more would still be found by an import.
if [ -d dist ]; then
  find dist -name '*.js' -printf '%P\n' | while IFS= read -r file; do
    if [ ! -e "src/${file%.js}.ts" ] && [ ! -e "src/$file" ]; then rm -f "dist/$file" "dist/$file.map"; fi
  done
fi

# The status page's own files and the like.
find src -type f ! -name '*.ts' -printf '%P\n' | while IFS= read -r file; do
  install -D -m 644 "src/$file" "dist/$file"
done

if [ -e dist/cli/main.js ]; then chmod 755 dist/cli/main.js; fi
