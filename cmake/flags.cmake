# Flags of each kind of build; the presets choose the kind.
set(GODWIT_BUILD dev CACHE STRING "dev, release, asan, tsan, fuzz, coverage or clang")
option(GODWIT_WERROR "warnings are errors" $ENV{CI})

add_compile_options(
	-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wimplicit-fallthrough
	$<$<C_COMPILER_ID:Clang>:-Wno-string-conversion> # about must(!"what went wrong")
	# gcc 12 sees regions of size 0 where a struct with a pointer was inlined away
	$<$<C_COMPILER_ID:GNU>:-Wno-stringop-overflow> $<$<C_COMPILER_ID:GNU>:-Wno-stringop-overread>
	$<$<BOOL:${GODWIT_WERROR}>:-Werror>
	-fno-common -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_compile_definitions(GODWIT_VERSION="${PROJECT_VERSION}")

set(dev_flags -O1 -g -Wnull-dereference)
set(release_flags
	-O2 -g -Wnull-dereference -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
	-fstack-clash-protection -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks
	-fno-strict-overflow)
# What gcc 12 guesses about paths that inlining has joined is wrong; dev and clang go on asking.
set(guesses -Wno-stringop-overflow -Wno-stringop-overread -Wno-maybe-uninitialized)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	list(APPEND release_flags ${guesses})
endif()
set(release_link -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
set(asan_flags -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all)
set(tsan_flags -O1 -g -fsanitize=thread -Wno-tsan) # it does not follow fences: known
set(fuzz_flags ${asan_flags} -fsanitize=fuzzer-no-link)
set(coverage_flags -O0 -g --coverage)
set(clang_flags -O0 -Wnull-dereference) # nobody runs it; clang warns before it optimises
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
	list(APPEND release_flags -fcf-protection)
	# Variables are cleared before use; what gcc takes for that by itself takes long to begin.
	if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
		set(small vector_loop:1024:noalign,libcall:-1:noalign)
		list(APPEND release_flags -mmemset-strategy=${small} -mmemcpy-strategy=${small})
	endif()
endif()
if(NOT DEFINED ${GODWIT_BUILD}_flags)
	message(FATAL_ERROR "GODWIT_BUILD=${GODWIT_BUILD} is no kind of build")
endif()

# -fPIE, where CMake would give libraries -fPIC: nobody interposes our functions, so gcc may inline.
add_compile_options(-fPIE)
add_link_options(-pie)
add_compile_options(${${GODWIT_BUILD}_flags})
# What is shipped is optimised across rooms (docs/adr/0009-optimise-across-rooms.md). The link makes the
# code then, so it needs the compiler's flags.
set(at_link ${${GODWIT_BUILD}_flags})
if(GODWIT_BUILD STREQUAL "release")
	include(CheckIPOSupported)
	check_ipo_supported(RESULT can_lto LANGUAGES C)
	set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${can_lto})
else()
	# What instruments must also be linked.
	list(FILTER at_link INCLUDE REGEX "^(-fsanitize=|--coverage$)")
	list(REMOVE_ITEM at_link -fsanitize=fuzzer-no-link)
endif()
add_link_options(${at_link} ${${GODWIT_BUILD}_link})
