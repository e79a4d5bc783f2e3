/* A substitute for glibc's <atomic.h>, with the definitions that its test support needs for one-time initialisation. */
#pragma once
#define atomic_load_acquire(place) __atomic_load_n(place, __ATOMIC_ACQUIRE)
#define atomic_compare_exchange_weak_release(place, expected, new) \
    __atomic_compare_exchange_n(place, expected, new, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
