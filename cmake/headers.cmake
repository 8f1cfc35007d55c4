# Every header compiled alone, without precompiled headers: a header that leans on its includer fails here.
file(GLOB_RECURSE narthex_headers RELATIVE ${CMAKE_SOURCE_DIR}
  base/*.h net/*.h model/*.h tsdb/*.h discovery/*.h scrape/*.h query/*.h alerting/*.h remote/*.h web/*.h server/*.h)
set(narthex_header_sources)
foreach(header ${narthex_headers})
  string(REPLACE "/" "_" name ${header})
  set(source ${CMAKE_BINARY_DIR}/headers/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n")
  list(APPEND narthex_header_sources ${source})
endforeach()
add_library(headers OBJECT ${narthex_header_sources})
target_link_libraries(headers PRIVATE narthex_server)
