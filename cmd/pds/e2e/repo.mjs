// Whole repositories as relays, backup and migration tools use them: listed,
// proved, exported, imported again and moved to a second server. Everything is
// verified with the reference's own code.
//
//   node repo.mjs SERVER PLC SECOND-SERVER
import { AtpAgent } from '@atproto/api'
import { def, MemoryBlockstore, readCarWithRoot, Repo, verifyDiff, verifyProofs, verifyRecords, verifyRepo } from '@atproto/repo'
import { all, check, end, key, post, refused, resolver, signUp } from './lib.mjs'
import { png } from './media.mjs'

const [server, plc, second] = process.argv.slice(2)
const anybody = new AtpAgent({ service: server })
const sync = anybody.com.atproto.sync
const posts = 'app.bsky.feed.post'
const carType = { encoding: 'application/vnd.ipld.car' }

const throws = async (promise, what) => check(await promise.then(() => false, () => true), `${what}: not noticed`)
const download = async (did, since) => (await sync.getRepo({ did, since })).data
const keyOf = async (did) => (await resolver(server, plc).did.resolveAtprotoData(did)).signingKey

// opened is an export with its commit, and the CIDs of its records.
async function opened(car, did, signingKey) {
  const { root, blocks } = await readCarWithRoot(car)
  const { creates } = await verifyRepo(blocks, root, did, signingKey)
  const commit = await new MemoryBlockstore(blocks).readObj(root, def.commit)
  return {
    root, blocks, commit, tree: commit.data.toString(),
    records: creates.map((c) => `${c.collection}/${c.rkey} ${c.cid}`).sort().join('\n'), count: creates.length,
  }
}

// fill gives an account many posts, one with a picture, and a rare collection.
async function fill(agent) {
  const repo = agent.com.atproto.repo
  for (let batch = 0; batch < 3; batch++) {
    await repo.applyWrites({
      repo: agent.did,
      writes: Array.from({ length: 100 }, (_, i) => ({ $type: 'com.atproto.repo.applyWrites#create', collection: posts, value: post(`post ${batch} ${i}`) })),
    })
  }
  const { data } = await agent.uploadBlob(new Uint8Array(png(48, 7, 8, 9)), { encoding: 'image/png' })
  const shown = await agent.post({ text: 'a picture', embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] } })
  const rare = { repo: agent.did, collection: 'com.example.rare', rkey: 'self', record: { $type: 'com.example.rare', n: 1 } }
  await repo.putRecord(rare)
  return { picture: shown.uri, cid: data.blob.ref.toString() }
}

// listings reads what is there in pages, in both orders.
async function listings(agent, other) {
  const list = (p) => anybody.com.atproto.repo.listRecords(p)
  const newest = await all(list, { repo: agent.did, collection: posts, limit: 70 }, 'records')
  const oldest = await all(list, { repo: agent.did, collection: posts, limit: 100, reverse: true }, 'records')
  const keys = newest.items.map((r) => key(r.uri))
  check(keys.length === 301 && newest.pages >= 5, `listRecords: ${keys.length} posts in ${newest.pages} pages`)
  check(keys.join() === [...keys].sort().reverse().join(), 'listRecords: not from the newest to the oldest')
  check(oldest.items.map((r) => key(r.uri)).join() === [...keys].reverse().join(), 'listRecords: the other order has other posts')
  const described = await anybody.com.atproto.repo.describeRepo({ repo: agent.did })
  check(described.data.collections.join() === `${posts},com.example.rare`, `describeRepo: ${described.data.collections}`)
  check(described.data.handleIsCorrect && described.data.didDoc.id === agent.did, 'describeRepo: identity')

  await other.com.atproto.repo.putRecord({ repo: other.did, collection: 'com.example.rare', rkey: 'self', record: { $type: 'com.example.rare', n: 2 } })
  const rare = () => all((p) => sync.listReposByCollection(p), { collection: 'com.example.rare', limit: 1 }, 'repos')
  const holders = (await rare()).items.map((r) => r.did)
  check([...holders].sort().join() === [agent.did, other.did].sort().join(), `listReposByCollection: ${holders}`)
  await other.com.atproto.repo.deleteRecord({ repo: other.did, collection: 'com.example.rare', rkey: 'self' })
  const left = (await rare()).items.map((r) => r.did)
  check(left.join() === agent.did, `listReposByCollection after the last record: ${left}`)
}

// proofs asks for one record and for one that is not there.
async function proofs(agent, picture) {
  const { did } = agent
  const signingKey = await keyOf(did)
  const { data } = await anybody.com.atproto.repo.getRecord({ repo: did, collection: posts, rkey: key(picture) })
  const present = (await sync.getRecord({ did, collection: posts, rkey: key(picture) })).data
  const [record] = (await verifyRecords(present, did, signingKey)).filter((r) => r.rkey === key(picture))
  check(record?.record.text === 'a picture', 'getRecord: no proof of the record')
  const { root, blocks } = await readCarWithRoot(present)
  const found = (await Repo.load(new MemoryBlockstore(blocks), root)).data.get(`${posts}/${key(picture)}`)
  check((await found)?.toString() === data.cid, 'getRecord: another record is proved')
  const claim = (cid, rkey = key(picture)) => [{ collection: posts, rkey, cid }]
  check((await verifyProofs(present, claim(await found), did, signingKey)).verified.length === 1, 'verifyProofs of a record')
  check((await verifyProofs(present, claim(null), did, signingKey)).unverified.length === 1, 'verifyProofs of a wrong claim')
  const absent = (await sync.getRecord({ did, collection: posts, rkey: '2222222222222' })).data
  check((await verifyProofs(absent, claim(null, '2222222222222'), did, signingKey)).verified.length === 1, 'verifyProofs of absence')
  await throws(verifyRecords(present, did, await keyOf((await sync.listRepos({})).data.repos.find((r) => r.did !== did).did)), "another account's key")
}

// parts gets everything, then what came since.
async function parts(agent) {
  const { did } = agent
  const signingKey = await keyOf(did)
  const car = await download(did)
  const before = await opened(car, did, signingKey)
  const head = await sync.getLatestCommit({ did })
  check(before.count === 302 && before.root.toString() === head.data.cid && before.commit.rev === head.data.rev, `getRepo: ${before.count} records at ${before.commit.rev}`)
  const { uri } = await agent.post({ text: 'later' })
  const diff = await readCarWithRoot(await download(did, head.data.rev))
  const known = await Repo.load(new MemoryBlockstore(before.blocks), before.root)
  const { writes } = await verifyDiff(known, diff.blocks, diff.root, did, signingKey)
  check(writes.length === 1 && writes[0].action === 'create' && writes[0].rkey === key(uri), `getRepo since: ${writes.length} writes`)
  await agent.deletePost(uri)
  return { car, before }
}

// restore imports an earlier day, after its picture was deleted.
async function restore(agent, other, { car, before }, { picture, cid }) {
  const { did } = agent
  await agent.deletePost(picture)
  await refused(anybody.com.atproto.sync.getBlob({ did, cid }), 'InvalidRequest', 'getBlob of a deleted picture')
  const head = async (of) => (await sync.getLatestCommit({ did: of })).data
  const [mine, theirs] = [await head(did), await head(other.did)]
  const bring = (to, bytes) => to.com.atproto.repo.importRepo(bytes, carType)
  await refused(bring(other, car), 'InvalidRequest', "importRepo of another account's repository")
  await refused(bring(agent, car.slice(0, car.length - 10)), 'InvalidRequest', 'importRepo of half a repository')
  const wrong = Uint8Array.from(car)
  wrong[wrong.length >> 1] ^= 1
  await refused(bring(agent, wrong), 'InvalidRequest', 'importRepo of changed bytes')
  await refused(bring(agent, (await sync.getRecord({ did, collection: posts, rkey: 'x' })).data), 'InvalidRequest', 'importRepo of a proof')
  await refused(bring(anybody, car), 'AuthMissing', 'importRepo by nobody')
  check((await head(did)).cid === mine.cid && (await head(other.did)).cid === theirs.cid, 'importRepo: a refused one changed something')

  await bring(agent, car)
  const after = await opened(await download(did), did, await keyOf(did))
  check(after.tree === before.tree && after.records === before.records, 'importRepo: not what was exported')
  check(after.commit.rev > mine.rev, `importRepo: rev ${after.commit.rev} after ${mine.rev}`)
  await missing(agent, {}, did, [cid], async () => agent.uploadBlob(new Uint8Array(png(48, 7, 8, 9)), { encoding: 'image/png' }))
  const got = await sync.getBlob({ did, cid })
  check(Buffer.from(got.data).equals(png(48, 7, 8, 9)), 'getBlob after an import')
  await agent.post({ text: 'life goes on' })
}

// missing sees that blobs are wanted, and none when they were brought.
async function missing(agent, options, did, cids, bring) {
  const wanted = () => all((p) => agent.com.atproto.repo.listMissingBlobs(p, options), { limit: 1 }, 'blobs')
  const { items } = await wanted()
  check(items.map((b) => b.cid).join() === cids.join(), `listMissingBlobs: ${items.length} blobs instead of ${cids.length}`)
  check(items.every((b) => b.recordUri.startsWith(`at://${did}/${posts}/`)), 'listMissingBlobs: records')
  for (const b of items) await bring(b.cid)
  check((await wanted()).items.length === 0, 'listMissingBlobs after all were uploaded')
}

// move takes an account to a second server, with all but its identity.
async function move(agent, { cid }) {
  const { did } = agent
  const there = new AtpAgent({ service: second })
  const aud = (await there.com.atproto.server.describeServer()).data.did
  const lxm = 'com.atproto.server.createAccount'
  const vouched = await agent.com.atproto.server.getServiceAuth({ aud, lxm })
  const bearer = (token, more) => ({ headers: { authorization: `Bearer ${token}` }, ...more })
  const account = { did, handle: 'moved.test', email: 'moved@example.com', password: 'password-moved' }
  await refused(there.com.atproto.server.createAccount(account), 'AuthenticationRequired', 'createAccount for a DID by nobody')
  const made = await there.com.atproto.server.createAccount(account, bearer(vouched.data.token, { encoding: 'application/json' }))
  check(made.data.did === did, `createAccount: ${made.data.did}`)
  const token = made.data.accessJwt

  for (let day = 0; day < 2; day++) { // the second time with little that is new
    const car = await download(did)
    const old = await opened(car, did, await keyOf(did))
    await there.com.atproto.repo.importRepo(car, bearer(token, carType))
    const moved = await opened((await there.com.atproto.sync.getRepo({ did }, bearer(token))).data, did)
    check(moved.tree === old.tree && moved.records === old.records, 'the second server has another repository')
    check(moved.root.toString() !== old.root.toString() && moved.commit.rev > old.commit.rev, 'the second server has not signed')
    await agent.post({ text: `written on the old server ${day}` })
  }
  await missing(there, bearer(token), did, [cid], async (of) => {
    const { data } = await sync.getBlob({ did, cid: of })
    await there.com.atproto.repo.uploadBlob(data, bearer(token, { encoding: 'image/png' }))
  })
  const got = await there.com.atproto.sync.getBlob({ did, cid }, bearer(token))
  check(Buffer.from(got.data).equals(png(48, 7, 8, 9)), 'getBlob on the second server')
  await refused(there.com.atproto.sync.getRepo({ did }), 'RepoDeactivated', 'getRepo before the account is active')
}

const [agent, other] = await Promise.all([signUp(server, 'movers'), signUp(server, 'stayers')])
const filled = await fill(agent)
await listings(agent, other)
await proofs(agent, filled.picture)
const exported = await parts(agent)
await restore(agent, other, exported, filled)
await move(agent, filled)
end('listings, proofs, exports, imports and a move')
