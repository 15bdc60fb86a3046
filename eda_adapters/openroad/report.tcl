# What chiploop's OpenROAD scripts share; each script sources it first.

# Figures of the design as it is now, in METRICS2.1 keys that begin with the stage's name.
proc chiploop_report { stage } {
  utl::push_metrics_stage "${stage}__{}"
  report_worst_slack_metric -setup
  report_worst_slack_metric -hold
  report_worst_negative_slack_metric -setup
  report_tns_metric -setup
  report_tns_metric -hold
  report_power_metric
  report_design_area_metrics
  if { [info commands report_erc_metrics] ne "" } { report_erc_metrics }
  utl::metric_float "hpwl_um" [chiploop_hpwl]
  set paths [find_timing_paths -from [all_registers -clock_pins] -to [all_registers -data_pins] -path_delay max]
  if { [llength $paths] } {
    utl::metric_float "timing__setup__ws__register" [get_property [lindex $paths 0] slack]
  }
  utl::pop_metrics_stage
}

# A step that may stop short without making the result useless (repair that meets its limit, a power grid with a gap that
# a bad placement leaves): the metric says whether it did, the log why.
proc chiploop_try { metric body } {
  set failed [catch { uplevel 1 $body } message]
  if { $failed } { puts "chiploop: $body stopped short: $message" }
  utl::metric_int $metric $failed
}

# Half-perimeter wire length of all signal nets in um, as detailed placement counts it.
proc chiploop_hpwl {} {
  set block [[[ord::get_db] getChip] getBlock]
  set length 0
  foreach net [$block getNets] {
    if { ![$net isSpecial] } {
      set box [$net getTermBBox]
      if { [$box xMin] <= [$box xMax] } {
        incr length [expr { [$box xMax] - [$box xMin] + [$box yMax] - [$box yMin] }]
      }
    }
  }
  return [expr { double($length) / [$block getDefUnits] }]
}

# Pins of the worst path from register to register, one per line.
proc chiploop_write_path { file } {
  set out [open $file w]
  set paths [find_timing_paths -from [all_registers -clock_pins] -to [all_registers -data_pins] -path_delay max]
  if { [llength $paths] } {
    foreach point [get_property [lindex $paths 0] points] {
      puts $out [get_full_name [get_property $point pin]]
    }
  }
  close $out
}

# Sets how often a pin switches (toggles per cycle) and its share of the time at 1; pins that are gone are left out.
proc chiploop_activity { pin toggles duty } {
  set found [sta::find_pin $pin]
  if { $found ne "NULL" } {
    set_power_activity -pins $found -activity $toggles -duty $duty
  }
}
