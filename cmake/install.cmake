# `cmake --install build [--component NAME] [--prefix FOLDER]`. The programs find each other in their own folder and the
# GPU's libraries in ../lib/kithara, so a prefix can be moved; systemd's units alone name absolute paths.
# Components: cli coordinator node decode lib dev models cuda.
include(GNUInstallDirs)
if(NOT DEFINED KT_SYSTEMD_DIR)
  set(KT_SYSTEMD_DIR lib/systemd/system CACHE STRING "Folder of systemd's units, below the prefix")
endif()
set(share ${CMAKE_INSTALL_DATADIR}/kithara)

install(TARGETS kithara RUNTIME COMPONENT cli)
install(TARGETS kithara-coordinator RUNTIME COMPONENT coordinator)
install(TARGETS kithara-node RUNTIME COMPONENT node)
install(TARGETS kithara-decode RUNTIME COMPONENT decode)
install(TARGETS libkithara LIBRARY COMPONENT lib NAMELINK_COMPONENT dev)
install(FILES lib/kithara.h TYPE INCLUDE COMPONENT dev)
get_target_property(KT_LIBRARY_VERSION libkithara VERSION)
file(RELATIVE_PATH KT_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(packaging/kithara.pc.in ${CMAKE_BINARY_DIR}/kithara.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/kithara.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# Manual pages and completions are printed by the program that is installed.
function(kt_install_pages component)
  install(CODE "execute_process(COMMAND ${CMAKE_SOURCE_DIR}/cmake/install_pages.sh $<TARGET_FILE:kithara>
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}\" ${ARGN} COMMAND_ERROR_IS_FATAL ANY)" COMPONENT ${component})
endfunction()
kt_install_pages(cli completions kithara kithara.conf)
kt_install_pages(coordinator kithara-coordinator)
kt_install_pages(node kithara-node)
kt_install_pages(decode kithara-decode)

foreach(name coordinator node)
  install(FILES packaging/etc/${name}.conf DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/kithara COMPONENT ${name})
  install(FILES packaging/systemd/kithara-${name}.sysusers DESTINATION lib/sysusers.d COMPONENT ${name} RENAME kithara-${name}.conf)
  install(FILES packaging/systemd/kithara-${name}.tmpfiles DESTINATION lib/tmpfiles.d COMPONENT ${name} RENAME kithara-${name}.conf)
endforeach()
foreach(unit kithara-coordinator.service kithara-node.service kithara-node@.service)
  string(REGEX REPLACE "kithara-([a-z]+).*" "\\1" name ${unit})
  configure_file(packaging/systemd/${unit}.in ${CMAKE_BINARY_DIR}/systemd/${unit} @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/systemd/${unit} DESTINATION ${KT_SYSTEMD_DIR} COMPONENT ${name})
endforeach()

install(FILES packaging/monitoring/alerts.yml packaging/monitoring/grafana.json DESTINATION ${share}/monitoring COMPONENT coordinator)
install(DIRECTORY packaging/fleet DESTINATION ${share} COMPONENT coordinator USE_SOURCE_PERMISSIONS)

# `kithara-models fetch` and `kithara models train-head`
install(PROGRAMS ops/models DESTINATION ${share}/ops COMPONENT models)
install(FILES ops/lib.sh DESTINATION ${share}/ops COMPONENT models)
install(DIRECTORY models/convert models/train DESTINATION ${share}/models COMPONENT models PATTERN __pycache__ EXCLUDE)
install(PROGRAMS packaging/kithara-models TYPE BIN COMPONENT models)
install(FILES packaging/kithara-models.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT models)
