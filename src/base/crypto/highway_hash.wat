;; HighwayHash-64 over plain bytes and over records of message blocks.
;;
;; Memory:   0  key, 32 bytes
;;          64  last packet of an input whose length is no multiple of 32
;;         128  result of $scan: reason it stopped (0 end, 1 incomplete, 2 bad)
;;        1024  input
;;
;; A record is  length u32 (bit 31: has headers) | sequence u64 | time u64 | subject size u16 |
;; subject | [header size u32 | headers] | payload | checksum u64, little endian. The checksum
;; covers sequence, time, subject, headers and payload, which are not contiguous: $record moves
;; the first 16 bytes (and the subject) up against what follows and puts them back afterwards.
(module
  (memory (export "memory") 17)

  (func $hash (export "hash") (param $at i32) (param $size i32) (result i64)
    (local $v0a v128) (local $v0b v128) (local $v1a v128) (local $v1b v128)
    (local $m0a v128) (local $m0b v128) (local $m1a v128) (local $m1b v128)
    (local $pa v128) (local $pb v128) (local $t v128)
    (local $rounds i32) (local $mod4 i32) (local $rest i32)
    (local.set $m0a (v128.const i64x2 0xdbe6d5d5fe4cce2f 0xa4093822299f31d0))
    (local.set $m0b (v128.const i64x2 0x13198a2e03707344 0x243f6a8885a308d3))
    (local.set $m1a (v128.const i64x2 0x3bd39e10cb0ef593 0xc0acf169b5f18a8c))
    (local.set $m1b (v128.const i64x2 0xbe5466cf34e90c6c 0x452821e638d01377))
    (local.set $pa (v128.load (i32.const 0)))
    (local.set $pb (v128.load (i32.const 16)))
    (local.set $v0a (v128.xor (local.get $m0a) (local.get $pa)))
    (local.set $v0b (v128.xor (local.get $m0b) (local.get $pb)))
    (local.set $v1a (v128.xor (local.get $m1a)
      (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11 (local.get $pa) (local.get $pa))))
    (local.set $v1b (v128.xor (local.get $m1b)
      (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11 (local.get $pb) (local.get $pb))))
    (block $done
      (loop $next
        (if (i32.ge_u (local.get $size) (i32.const 32))
          (then
            (local.set $pa (v128.load (local.get $at)))
            (local.set $pb (v128.load offset=16 (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 32)))
            (local.set $size (i32.sub (local.get $size) (i32.const 32))))
          (else
            (if (local.get $size)
              (then
                ;; v0 += size in both halves; v1 halves rotate left by size.
                (local.set $t (i32x4.splat (local.get $size)))
                (local.set $v0a (i64x2.add (local.get $v0a) (local.get $t)))
                (local.set $v0b (i64x2.add (local.get $v0b) (local.get $t)))
                (local.set $v1a (v128.or (i32x4.shl (local.get $v1a) (local.get $size))
                  (i32x4.shr_u (local.get $v1a) (i32.sub (i32.const 32) (local.get $size)))))
                (local.set $v1b (v128.or (i32x4.shl (local.get $v1b) (local.get $size))
                  (i32x4.shr_u (local.get $v1b) (i32.sub (i32.const 32) (local.get $size)))))
                (v128.store (i32.const 64) (v128.const i64x2 0 0))
                (v128.store (i32.const 80) (v128.const i64x2 0 0))
                (local.set $mod4 (i32.and (local.get $size) (i32.const 3)))
                (local.set $rest (i32.and (local.get $size) (i32.const 28)))
                ;; Whole words first, copied from the last to the first.
                (block $copied
                  (loop $word
                    (br_if $copied (i32.eqz (local.get $rest)))
                    (local.set $rest (i32.sub (local.get $rest) (i32.const 4)))
                    (i32.store offset=64 (local.get $rest)
                      (i32.load (i32.add (local.get $at) (local.get $rest))))
                    (br $word)))
                (if (i32.and (local.get $size) (i32.const 16))
                  (then
                    (i32.store (i32.const 92)
                      (i32.load (i32.sub (i32.add (local.get $at) (local.get $size))
                        (i32.const 4)))))
                  (else
                    (if (local.get $mod4)
                      (then
                        (local.set $rest (i32.add (local.get $at)
                          (i32.and (local.get $size) (i32.const 28))))
                        (i32.store8 (i32.const 80) (i32.load8_u (local.get $rest)))
                        (i32.store8 (i32.const 81) (i32.load8_u (i32.add (local.get $rest)
                          (i32.shr_u (local.get $mod4) (i32.const 1)))))
                        (i32.store8 (i32.const 82) (i32.load8_u (i32.sub
                          (i32.add (local.get $rest) (local.get $mod4)) (i32.const 1))))))))
                (local.set $pa (v128.load (i32.const 64)))
                (local.set $pb (v128.load (i32.const 80)))
                (local.set $size (i32.const 0)))
              (else
                (br_if $done (i32.eq (local.get $rounds) (i32.const 4)))
                (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
                (local.set $pa (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11
                  (local.get $v0b) (local.get $v0b)))
                (local.set $pb (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11
                  (local.get $v0a) (local.get $v0a)))))))
        ;; One round with the packet ($pa, $pb).
        (local.set $v1a (i64x2.add (local.get $v1a) (i64x2.add (local.get $m0a) (local.get $pa))))
        (local.set $v1b (i64x2.add (local.get $v1b) (i64x2.add (local.get $m0b) (local.get $pb))))
        (local.set $m0a (v128.xor (local.get $m0a) (i64x2.extmul_low_i32x4_u
          (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $v1a) (local.get $v1a))
          (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $v0a) (local.get $v0a)))))
        (local.set $m0b (v128.xor (local.get $m0b) (i64x2.extmul_low_i32x4_u
          (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $v1b) (local.get $v1b))
          (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $v0b) (local.get $v0b)))))
        (local.set $v0a (i64x2.add (local.get $v0a) (local.get $m1a)))
        (local.set $v0b (i64x2.add (local.get $v0b) (local.get $m1b)))
        (local.set $m1a (v128.xor (local.get $m1a) (i64x2.extmul_low_i32x4_u
          (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $v0a) (local.get $v0a))
          (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $v1a) (local.get $v1a)))))
        (local.set $m1b (v128.xor (local.get $m1b) (i64x2.extmul_low_i32x4_u
          (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $v0b) (local.get $v0b))
          (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $v1b) (local.get $v1b)))))
        (local.set $v0a (i64x2.add (local.get $v0a)
          (i8x16.shuffle 3 12 2 5 14 1 15 0 11 4 10 13 9 6 8 7 (local.get $v1a) (local.get $v1a))))
        (local.set $v0b (i64x2.add (local.get $v0b)
          (i8x16.shuffle 3 12 2 5 14 1 15 0 11 4 10 13 9 6 8 7 (local.get $v1b) (local.get $v1b))))
        (local.set $v1a (i64x2.add (local.get $v1a)
          (i8x16.shuffle 3 12 2 5 14 1 15 0 11 4 10 13 9 6 8 7 (local.get $v0a) (local.get $v0a))))
        (local.set $v1b (i64x2.add (local.get $v1b)
          (i8x16.shuffle 3 12 2 5 14 1 15 0 11 4 10 13 9 6 8 7 (local.get $v0b) (local.get $v0b))))
        (br $next)))
    (i64x2.extract_lane 0 (i64x2.add
      (i64x2.add (local.get $v0a) (local.get $v1a))
      (i64x2.add (local.get $m0a) (local.get $m1a)))))

  ;; Hashes $size bytes at $at and stores the result at $to.
  (func (export "hashTo") (param $at i32) (param $size i32) (param $to i32)
    (i64.store (local.get $to) (call $hash (local.get $at) (local.get $size))))

  ;; Checksum of the record at $at, whose length is $length without the header bit.
  (func $record (param $at i32) (param $length i32) (param $headers i32) (result i64)
    (local $head v128) (local $subject i32) (local $headerSize i32) (local $result i64)
    (local.set $head (v128.load offset=4 (local.get $at)))
    (local.set $subject (i32.load16_u offset=20 (local.get $at)))
    (if (result i64) (local.get $headers)
      (then
        (local.set $headerSize (i32.load offset=22 (i32.add (local.get $at) (local.get $subject))))
        (memory.copy (i32.add (local.get $at) (i32.const 26))
          (i32.add (local.get $at) (i32.const 22)) (local.get $subject))
        (v128.store offset=10 (local.get $at) (local.get $head))
        (local.set $result (call $hash (i32.add (local.get $at) (i32.const 10))
          (i32.sub (local.get $length) (i32.const 18))))
        (memory.copy (i32.add (local.get $at) (i32.const 22))
          (i32.add (local.get $at) (i32.const 26)) (local.get $subject))
        (i32.store offset=22 (i32.add (local.get $at) (local.get $subject))
          (local.get $headerSize))
        (v128.store offset=4 (local.get $at) (local.get $head))
        (i32.store16 offset=20 (local.get $at) (local.get $subject))
        (local.get $result))
      (else
        (v128.store offset=6 (local.get $at) (local.get $head))
        (local.set $result (call $hash (i32.add (local.get $at) (i32.const 6))
          (i32.sub (local.get $length) (i32.const 14))))
        (v128.store offset=4 (local.get $at) (local.get $head))
        (i32.store16 offset=20 (local.get $at) (local.get $subject))
        (local.get $result))))

  ;; Writes the checksum of the record at $at at the record's end.
  (func (export "seal") (param $at i32) (param $length i32) (param $headers i32)
    (i64.store (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const 8))
      (call $record (local.get $at) (local.get $length) (local.get $headers))))

  ;; Walks records from $at while they are whole and right; returns the bytes of the good ones.
  (func (export "scan") (param $at i32) (param $size i32) (result i32)
    (local $start i32) (local $left i32) (local $length i32) (local $headers i32)
    (local $payload i32)
    (local.set $start (local.get $at))
    (local.set $left (local.get $size))
    (i32.store (i32.const 128) (i32.const 0))
    (block $stop
      (loop $next
        (br_if $stop (i32.eqz (local.get $left)))
        (if (i32.lt_u (local.get $left) (i32.const 22))
          (then (i32.store (i32.const 128) (i32.const 1)) (br $stop)))
        (local.set $length (i32.load (local.get $at)))
        (local.set $headers (i32.shr_u (local.get $length) (i32.const 31)))
        (local.set $length (i32.and (local.get $length) (i32.const 0x7fffffff)))
        ;; Bytes that subject, header size and checksum need beside the fixed 22.
        (local.set $payload (i32.add (i32.load16_u offset=20 (local.get $at))
          (i32.add (i32.shl (local.get $headers) (i32.const 2)) (i32.const 30))))
        (if (i32.or (i32.lt_u (local.get $length) (local.get $payload))
            (i32.gt_u (local.get $length) (i32.const 33554432)))
          (then (i32.store (i32.const 128) (i32.const 2)) (br $stop)))
        (if (i32.gt_u (local.get $length) (local.get $left))
          (then (i32.store (i32.const 128) (i32.const 1)) (br $stop)))
        (if (i64.ne
            (call $record (local.get $at) (local.get $length) (local.get $headers))
            (i64.load (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const 8))))
          (then (i32.store (i32.const 128) (i32.const 2)) (br $stop)))
        (local.set $at (i32.add (local.get $at) (local.get $length)))
        (local.set $left (i32.sub (local.get $left) (local.get $length)))
        (br $next)))
    (i32.sub (local.get $at) (local.get $start))))
