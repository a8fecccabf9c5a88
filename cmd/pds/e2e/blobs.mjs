// Blobs as apps use them: uploaded, shown in posts and profiles, fetched by
// strangers in full and in part, listed, and gone with their last record.
//
//   node blobs.mjs SERVER
import { createHash } from 'node:crypto'
import { AtpAgent } from '@atproto/api'
import { all, check, end, key, refused, signUp } from './lib.mjs'
import { jpeg, png, video } from './media.mjs'

const [server] = process.argv.slice(2)
const videoSize = 100_000_000
const anybody = new AtpAgent({ service: server })

const link = (blob) => blob.ref.toString()
const ask = (did, cid, init) => fetch(`${server}/xrpc/com.atproto.sync.getBlob?did=${did}&cid=${cid}`, init)
const body = async (response) => Buffer.from(await response.arrayBuffer())
const listed = async (did, more) => (await all((p) => anybody.com.atproto.sync.listBlobs(p), { did, limit: 500, ...more }, 'cids')).items

async function gone(did, cid, what) {
  await refused(anybody.com.atproto.sync.getBlob({ did, cid }), 'InvalidRequest', `getBlob of ${what}`)
  check(!(await listed(did)).includes(cid), `listBlobs: ${what} is listed`)
}

// images posts two pictures and takes them away again.
async function images(agent) {
  const pictures = [[png(64, 200, 30, 40), 'image/png'], [jpeg('the second'), 'image/jpeg']]
  const blobs = []
  for (const [bytes, type] of pictures) {
    const { data } = await agent.uploadBlob(new Uint8Array(bytes), { encoding: 'application/octet-stream' })
    check(data.blob.mimeType === type && data.blob.size === bytes.length, `uploadBlob: ${data.blob.mimeType} of ${data.blob.size} bytes instead of ${type} of ${bytes.length}`)
    blobs.push(data.blob)
    await refused(anybody.com.atproto.sync.getBlob({ did: agent.did, cid: link(data.blob) }), 'InvalidRequest', 'getBlob before a record')
  }
  check((await listed(agent.did)).length === 0, 'listBlobs before a record')
  const embed = { $type: 'app.bsky.embed.images', images: blobs.map((image, i) => ({ image, alt: `picture ${i}` })) }
  const { uri } = await agent.post({ text: 'with pictures', embed })
  const { data } = await agent.com.atproto.repo.getRecord({ repo: agent.did, collection: 'app.bsky.feed.post', rkey: key(uri) })
  check(data.value.embed.images.map((i) => link(i.image)).join() === blobs.map(link).join(), 'getRecord: other pictures')
  for (const [i, [bytes, type]] of pictures.entries()) {
    const got = await anybody.com.atproto.sync.getBlob({ did: agent.did, cid: link(blobs[i]) })
    check(Buffer.from(got.data).equals(bytes), `getBlob: not the ${type} that was uploaded`)
    check(got.headers['content-type'] === type, `getBlob: ${got.headers['content-type']} instead of ${type}`)
  }
  await parts(agent.did, link(blobs[0]), pictures[0][0])
  const second = await agent.post({ text: 'one of them again', embed: { ...embed, images: embed.images.slice(0, 1) } })
  await agent.deletePost(uri)
  await gone(agent.did, link(blobs[1]), 'a picture without a post')
  check((await listed(agent.did)).join() === link(blobs[0]), 'listBlobs: a picture that another post shows')
  await agent.deletePost(second.uri)
  await gone(agent.did, link(blobs[0]), 'the last picture')
  await refused(agent.post({ text: 'too late', embed }), 'BlobNotFound', 'a post with deleted pictures')
}

// parts asks for a picture as browsers, players and caches do.
async function parts(did, cid, bytes) {
  const whole = await ask(did, cid)
  const header = (name) => whole.headers.get(name) ?? ''
  check((await body(whole)).equals(bytes), 'getBlob: bytes')
  check(header('x-content-type-options') === 'nosniff', 'getBlob: X-Content-Type-Options')
  check(/default-src 'none'/.test(header('content-security-policy')) && /sandbox/.test(header('content-security-policy')), 'getBlob: Content-Security-Policy')
  check(/^attachment/.test(header('content-disposition')), 'getBlob: Content-Disposition')
  check(header('etag') === `"${cid}"`, `getBlob: Etag ${header('etag')}`)
  const head = await ask(did, cid, { method: 'HEAD' })
  check(head.status === 200 && head.headers.get('content-length') === String(bytes.length) && (await body(head)).length === 0, 'HEAD of a blob')
  for (const [range, want] of [['bytes=0-9', bytes.subarray(0, 10)], ['bytes=10-', bytes.subarray(10)], ['bytes=-7', bytes.subarray(-7)]]) {
    const part = await ask(did, cid, { headers: { range } })
    check(part.status === 206 && (await body(part)).equals(want), `Range ${range}: status ${part.status}`)
  }
  const beyond = await ask(did, cid, { headers: { range: `bytes=${bytes.length}-` } })
  check(beyond.status === 416, `a range behind the end: status ${beyond.status}`)
  const known = await ask(did, cid, { headers: { 'if-none-match': `"${cid}"` } })
  check(known.status === 304 && (await body(known)).length === 0, `a blob that is known: status ${known.status}`)
}

// avatar changes a profile's picture twice.
async function avatar(agent) {
  const upload = async (bytes) => (await agent.uploadBlob(new Uint8Array(bytes), { encoding: 'image/png' })).data.blob
  const [old, now] = [await upload(png(32, 1, 2, 3)), await upload(png(32, 4, 5, 6))]
  await agent.upsertProfile(() => ({ displayName: 'E2E', avatar: old }))
  check((await ask(agent.did, link(old))).status === 200, 'getBlob of an avatar')
  await agent.upsertProfile((profile) => ({ ...profile, avatar: now, banner: now }))
  await gone(agent.did, link(old), 'the old avatar')
  await agent.upsertProfile((profile) => ({ ...profile, banner: undefined }))
  check((await ask(agent.did, link(now))).status === 200, 'getBlob of an avatar that was a banner too')
  const { data } = await agent.com.atproto.repo.getRecord({ repo: agent.did, collection: 'app.bsky.actor.profile', rkey: 'self' })
  check(data.value.displayName === 'E2E' && link(data.value.avatar) === link(now), 'putRecord of a profile')
}

// pages lists many blobs, all of them and those since a commit.
async function pages(agent) {
  const before = new Set(await listed(agent.did))
  const posted = []
  for (let i = 0; i < 12; i++) {
    const { data } = await agent.uploadBlob(new TextEncoder().encode(`attachment ${i}`), { encoding: 'text/plain' })
    const write = { repo: agent.did, collection: 'com.example.file', record: { $type: 'com.example.file', file: data.blob } }
    const record = await agent.com.atproto.repo.createRecord(write)
    posted.push({ cid: link(data.blob), rev: record.data.commit.rev })
  }
  const list = (p) => anybody.com.atproto.sync.listBlobs(p)
  const { items, pages: count } = await all(list, { did: agent.did, limit: 5 }, 'cids')
  check(count >= 3 && new Set(items).size === items.length, `listBlobs: ${items.length} of ${new Set(items).size} in ${count} pages`)
  check(items.length === posted.length + before.size && posted.every((p) => items.includes(p.cid)), `listBlobs: ${items.length} blobs`)
  const since = await all(list, { did: agent.did, since: posted[7].rev, limit: 3 }, 'cids')
  check(since.items.sort().join() === posted.slice(8).map((p) => p.cid).sort().join(), `listBlobs since a commit: ${since.items.length} blobs`)
}

// film streams a video up and down; neither side ever has all of it.
async function film(agent) {
  const { hash, stream } = video(videoSize)
  const began = Date.now()
  const { data } = await agent.com.atproto.repo.uploadBlob(stream, { encoding: 'video/mp4' })
  const up = Date.now() - began
  check(data.blob.mimeType === 'video/mp4' && data.blob.size === videoSize, `a video: ${data.blob.mimeType} of ${data.blob.size} bytes`)
  await agent.post({ text: 'with a video', embed: { $type: 'app.bsky.embed.video', video: data.blob } })
  const got = createHash('sha256')
  let size = 0
  for await (const piece of (await ask(agent.did, link(data.blob))).body) {
    got.update(piece)
    size += piece.length
  }
  const want = hash.digest('hex')
  check(size === videoSize && got.digest('hex') === want, `a video: ${size} bytes came back`)
  check(Buffer.from(data.blob.ref.multihash.digest).toString('hex') === want, 'a video: the CID is not its hash')
  const end = await ask(agent.did, link(data.blob), { headers: { range: 'bytes=-1000' } })
  check(end.status === 206 && (await body(end)).length === 1000, 'the end of a video')
  console.log(`video: ${videoSize / 1e6} MB up in ${up} ms, down in ${Date.now() - began - up} ms`)
}

// strangers may not use each other's blobs, nor more than is allowed.
async function strangers(agent, other) {
  const { data } = await other.uploadBlob(new Uint8Array(png(16, 9, 9, 9)), { encoding: 'image/png' })
  const embed = { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] }
  await refused(agent.post({ text: 'not mine', embed }), 'BlobNotFound', "a post with another account's picture")
  await other.post({ text: 'mine', embed })
  await refused(anybody.com.atproto.sync.getBlob({ did: agent.did, cid: link(data.blob) }), 'InvalidRequest', "getBlob of another account's picture")
  await refused(anybody.uploadBlob(new Uint8Array(1), { encoding: 'text/plain' }), 'AuthMissing', 'uploadBlob by nobody')
}

const [agent, other] = await Promise.all([signUp(server, 'blobs'), signUp(server, 'others')])
await images(agent)
await avatar(agent)
await pages(agent)
await strangers(agent, other)
await film(agent)
end('images, avatars, pages of blobs and a video')
