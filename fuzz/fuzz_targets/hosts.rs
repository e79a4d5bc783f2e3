#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| nss_bypass_fuzz::hosts(data));
