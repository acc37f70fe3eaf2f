# What makes mistakes in C harder to use: in the program and in the module, however they are built (CMake, LuaRocks, the
# Debian package). installed.checkHardened of spec/install looks for it.
#
# SPDX-License-Identifier: MIT
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

check_pie_supported(LANGUAGES C) # the program lies at another address each time
target_compile_options(moonport_flags INTERFACE -fstack-protector-strong)
target_link_options(moonport_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

# Checked calls of the C library. They need optimisation, which "None" leaves to CFLAGS; ASan has its own.
if(NOT MOONPORT_SANITIZE AND NOT MOONPORT_FUZZ)
  target_compile_options(moonport_flags INTERFACE
    "$<$<NOT:$<CONFIG:None>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
endif()

# Calls and jumps lead only to where functions begin, and returns to where they were called. The linker would drop the
# mark for returns, since Debian's start files lack it, although they work so; the mark for jumps is theirs to give.
check_c_compiler_flag(-fcf-protection=full MOONPORT_HAS_CET)
check_linker_flag(C -Wl,-z,shstk MOONPORT_HAS_SHSTK)
if(MOONPORT_HAS_CET)
  target_compile_options(moonport_flags INTERFACE -fcf-protection=full)
endif()
if(MOONPORT_HAS_CET AND MOONPORT_HAS_SHSTK)
  target_link_options(moonport_flags INTERFACE -Wl,-z,shstk)
endif()
