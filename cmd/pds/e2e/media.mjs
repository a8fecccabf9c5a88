// Images and a video that are what they say, made here: nothing is downloaded
// and nothing lies in the repository.
import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}

// png is a square of one colour.
export function png(size, red, green, blue) {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(size, 0)
  head.writeUInt32BE(size, 4)
  head.set([8, 2, 0, 0, 0], 8) // 8 bits, RGB
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(3 * size, Buffer.of(red, green, blue))])
  const pixels = deflateSync(Buffer.concat(Array(size).fill(row)))
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))])
}

function segment(marker, ...data) {
  const body = Buffer.from(data.flat())
  return Buffer.concat([Buffer.of(0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 0xff), body])
}

// jpeg is 8 by 8 grey pixels: one block without any coefficient. The comment
// makes it unlike others.
export function jpeg(comment) {
  const oneCode = [1, ...Array(15).fill(0), 0] // the code 0 means 0
  return Buffer.concat([
    Buffer.of(0xff, 0xd8),
    segment(0xe0, [...Buffer.from('JFIF\0')], 1, 1, 0, 0, 1, 0, 1, 0, 0),
    segment(0xfe, [...Buffer.from(comment)]),
    segment(0xdb, 0, Array(64).fill(1)),
    segment(0xc0, 8, 0, 8, 0, 8, 1, 1, 0x11, 0),
    segment(0xc4, 0x00, oneCode),
    segment(0xc4, 0x10, oneCode),
    segment(0xda, 1, 1, 0, 0, 63, 0),
    Buffer.of(0x3f, 0xff, 0xd9),
  ])
}

// video gives size bytes in pieces, that begin like an MP4 file, and the
// SHA-256 of all when they were read.
export function video(size) {
  const hash = createHash('sha256')
  const piece = Buffer.alloc(1 << 20)
  let sent = 0
  return {
    hash,
    stream: new ReadableStream({
      pull(controller) {
        const next = Buffer.from(piece.subarray(0, Math.min(piece.length, size - sent)))
        next.writeUInt32BE(sent, 0)
        if (sent === 0) Buffer.from('\0\0\0\x18ftypisom\0\0\x02\0isommp42', 'latin1').copy(next)
        hash.update(next)
        sent += next.length
        controller.enqueue(new Uint8Array(next))
        if (sent === size) controller.close()
      },
    }),
  }
}
