# The front door; `make help` lists the doors.
.PHONY: run build dev
run: ; cmake --preset release >/dev/null && ninja -C build/release godwitd godwit && exec build/release/godwitd
build: ; cmake --preset release >/dev/null && ninja -C build/release
dev: ; cmake --preset dev >/dev/null && ninja -C build/dev
