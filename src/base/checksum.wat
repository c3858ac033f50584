;; The Internet checksum's sum (RFC 1071) over the imported memory, 64 octets a step; and copies within that memory, with the sum of what is
;; copied taken in the same pass or without.
;;
;; What makes it short is RFC 1071 s2: (A) the sum may be taken in any order and in wider words, because 2^16 = 1 modulo
;; 2^16 - 1, and (B) it may be taken in the other byte order, if the result is swapped. So: load little-endian lanes, add pairs
;; of 16-bit lanes into 32-bit ones, fold once at the end, swap. An odd last octet is the low half of a little-endian
;; word whose high half is zero: exactly the padding that RFC 1071 s1 asks for. Loads need no alignment.
;;
;; The assembled octets are in checksum-wasm.ts; test/base/checksum.test.ts assembles this file with wabt and compares.
(module
  (import "onwire" "memory" (memory 0))

  ;; sum(at, length, initial): `initial`, any unsigned 32-bit partial sum, plus the octets; folded to 16 bits, not complemented.
  ;; length <= 2^18: a 32-bit lane then takes at most 2^12 steps of four 16-bit words, and both accumulators fit in one lane.
  (func (export "sum") (param $at i32) (param $length i32) (param $initial i32) (result i32)
    (local $stop i32)
    (local $a v128)
    (local $b v128)
    (local $wide i64)

    ;; 64 octets a step, two accumulators so that one addition need not wait for the other.
    (local.set $stop (i32.add (local.get $at) (i32.and (local.get $length) (i32.const -64))))
    (block $done64
      (loop $next64
        (br_if $done64 (i32.eq (local.get $at) (local.get $stop)))
        (local.set $a
          (i32x4.add (local.get $a)
            (i32x4.add
              (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))
              (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 align=1 (local.get $at))))))
        (local.set $b
          (i32x4.add (local.get $b)
            (i32x4.add
              (i32x4.extadd_pairwise_i16x8_u (v128.load offset=32 align=1 (local.get $at)))
              (i32x4.extadd_pairwise_i16x8_u (v128.load offset=48 align=1 (local.get $at))))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $next64)))

    ;; 16 octets a step, at most three.
    (local.set $stop (i32.add (local.get $at) (i32.and (local.get $length) (i32.const 48))))
    (block $done16
      (loop $next16
        (br_if $done16 (i32.eq (local.get $at) (local.get $stop)))
        (local.set $a
          (i32x4.add (local.get $a) (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next16)))
    (local.set $wide (call $lanes (i32x4.add (local.get $a) (local.get $b))))

    ;; The last 8, 4, 2 and 1 octets.
    (if (i32.and (local.get $length) (i32.const 8))
      (then
        (local.set $wide
          (i64.add (local.get $wide)
            (i64.add (i64.load32_u align=1 (local.get $at)) (i64.load32_u offset=4 align=1 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))))
    (if (i32.and (local.get $length) (i32.const 4))
      (then
        (local.set $wide (i64.add (local.get $wide) (i64.load32_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (if (i32.and (local.get $length) (i32.const 2))
      (then
        (local.set $wide (i64.add (local.get $wide) (i64.load16_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))))
    (if (i32.and (local.get $length) (i32.const 1))
      (then
        (local.set $wide (i64.add (local.get $wide) (i64.load8_u (local.get $at))))))
    (call $fold (local.get $wide) (local.get $initial)))

  ;; copySum(to, at, length, initial): copies the octets from `at` to `to`, which do not overlap, and returns what sum(at, length, initial) would.
  (func (export "copySum") (param $to i32) (param $at i32) (param $length i32) (param $initial i32) (result i32)
    (local $stop i32)
    (local $a v128)
    (local $b v128)
    (local $p v128)
    (local $q v128)
    (local $wide i64)

    (local.set $stop (i32.add (local.get $at) (i32.and (local.get $length) (i32.const -64))))
    (block $done64
      (loop $next64
        (br_if $done64 (i32.eq (local.get $at) (local.get $stop)))
        (v128.store align=1 (local.get $to) (local.tee $p (v128.load align=1 (local.get $at))))
        (v128.store offset=16 align=1 (local.get $to) (local.tee $q (v128.load offset=16 align=1 (local.get $at))))
        (local.set $a
          (i32x4.add (local.get $a)
            (i32x4.add (i32x4.extadd_pairwise_i16x8_u (local.get $p)) (i32x4.extadd_pairwise_i16x8_u (local.get $q)))))
        (v128.store offset=32 align=1 (local.get $to) (local.tee $p (v128.load offset=32 align=1 (local.get $at))))
        (v128.store offset=48 align=1 (local.get $to) (local.tee $q (v128.load offset=48 align=1 (local.get $at))))
        (local.set $b
          (i32x4.add (local.get $b)
            (i32x4.add (i32x4.extadd_pairwise_i16x8_u (local.get $p)) (i32x4.extadd_pairwise_i16x8_u (local.get $q)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (local.set $to (i32.add (local.get $to) (i32.const 64)))
        (br $next64)))

    (local.set $stop (i32.add (local.get $at) (i32.and (local.get $length) (i32.const 48))))
    (block $done16
      (loop $next16
        (br_if $done16 (i32.eq (local.get $at) (local.get $stop)))
        (v128.store align=1 (local.get $to) (local.tee $p (v128.load align=1 (local.get $at))))
        (local.set $a (i32x4.add (local.get $a) (i32x4.extadd_pairwise_i16x8_u (local.get $p))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (br $next16)))
    (local.set $wide (call $lanes (i32x4.add (local.get $a) (local.get $b))))

    (if (i32.and (local.get $length) (i32.const 8))
      (then
        (i64.store align=1 (local.get $to) (i64.load align=1 (local.get $at)))
        (local.set $wide
          (i64.add (local.get $wide)
            (i64.add (i64.load32_u align=1 (local.get $at)) (i64.load32_u offset=4 align=1 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))))
    (if (i32.and (local.get $length) (i32.const 4))
      (then
        (i32.store align=1 (local.get $to) (i32.load align=1 (local.get $at)))
        (local.set $wide (i64.add (local.get $wide) (i64.load32_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))))
    (if (i32.and (local.get $length) (i32.const 2))
      (then
        (i32.store16 align=1 (local.get $to) (i32.load16_u align=1 (local.get $at)))
        (local.set $wide (i64.add (local.get $wide) (i64.load16_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))))
    (if (i32.and (local.get $length) (i32.const 1))
      (then
        (i32.store8 (local.get $to) (i32.load8_u (local.get $at)))
        (local.set $wide (i64.add (local.get $wide) (i64.load8_u (local.get $at))))))
    (call $fold (local.get $wide) (local.get $initial)))

  ;; copy(to, at, length): as memmove.
  (func (export "copy") (param $to i32) (param $at i32) (param $length i32)
    (memory.copy (local.get $to) (local.get $at) (local.get $length)))

  ;; Four lanes into one number below 2^35.
  (func $lanes (param $a v128) (result i64)
    (local.set $a (i64x2.add (i64x2.extend_low_i32x4_u (local.get $a)) (i64x2.extend_high_i32x4_u (local.get $a))))
    (i64.add (i64x2.extract_lane 0 (local.get $a)) (i64x2.extract_lane 1 (local.get $a))))

  (func $fold (param $wide i64) (param $initial i32) (result i32)
    (local $sum i32)
    ;; Fold 64 to 33 bits, to 18, to 17, to 16; what cannot carry any more is at most 0xffff.
    (local.set $wide
      (i64.add (i64.and (local.get $wide) (i64.const 0xffffffff)) (i64.shr_u (local.get $wide) (i64.const 32))))
    (local.set $sum
      (i32.wrap_i64
        (i64.add (i64.and (local.get $wide) (i64.const 0xffff)) (i64.shr_u (local.get $wide) (i64.const 16)))))
    (local.set $sum
      (i32.add (i32.and (local.get $sum) (i32.const 0xffff)) (i32.shr_u (local.get $sum) (i32.const 16))))
    (local.set $sum
      (i32.add (i32.and (local.get $sum) (i32.const 0xffff)) (i32.shr_u (local.get $sum) (i32.const 16))))

    ;; Swap to network order, add `initial` (folded to 17 bits), and fold again.
    (local.set $sum
      (i32.add
        (i32.or
          (i32.and (i32.shl (local.get $sum) (i32.const 8)) (i32.const 0xff00))
          (i32.shr_u (local.get $sum) (i32.const 8)))
        (i32.add (i32.and (local.get $initial) (i32.const 0xffff)) (i32.shr_u (local.get $initial) (i32.const 16)))))
    (local.set $sum
      (i32.add (i32.and (local.get $sum) (i32.const 0xffff)) (i32.shr_u (local.get $sum) (i32.const 16))))
    (i32.add (i32.and (local.get $sum) (i32.const 0xffff)) (i32.shr_u (local.get $sum) (i32.const 16)))))
