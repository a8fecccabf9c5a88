// The TypeScript clients of the AT Protocol against a running server: an agent
// that does what apps do, and a firehose that verifies every event of it.
//
//   node client.mjs SERVER PLC
//
// Exit code 1 and one line for each thing that was not as it should be.
import { AtpAgent } from '@atproto/api'
import { readCarWithRoot, verifyRepo } from '@atproto/repo'
import { Firehose, MemoryRunner } from '@atproto/sync'
import { check, end, post, refused, resolver } from './lib.mjs'

const [server, plc] = process.argv.slice(2)

// follow collects every event of the firehose from the oldest on.
function follow() {
  const events = []
  const errors = []
  const idResolver = resolver(server, plc)
  const runner = new MemoryRunner({ startCursor: 0 })
  const firehose = new Firehose({
    idResolver,
    runner,
    service: server.replace(/^http/, 'ws'),
    handleEvent: (evt) => void events.push(evt),
    onError: (err) => errors.push(err),
  })
  firehose.start()
  return { events, errors, stop: async () => { await firehose.destroy(); await runner.destroy() } }
}

// The number of operations that account i puts on the firehose.
async function useAccount(i, expected) {
  const agent = new AtpAgent({ service: server })
  const handle = `e2e${i}.test`
  const account = { handle, email: `e2e${i}@example.com`, password: `password-${i}` }
  await agent.createAccount(account)
  const did = agent.session.did
  const ops = (expected[did] = [])
  const repo = agent.com.atproto.repo
  const collection = 'app.bsky.feed.post'

  const created = await repo.createRecord({ repo: did, collection, record: post('first') })
  const rkey = created.data.uri.split('/').pop()
  ops.push(['create', rkey, created.data.cid])
  check(created.data.validationStatus === 'valid', 'createRecord: validationStatus')
  const put = await repo.putRecord({ repo: did, collection, rkey, record: post('second') })
  ops.push(['update', rkey, put.data.cid])
  const batch = await repo.applyWrites({
    repo: did,
    writes: Array.from({ length: 10 }, (_, n) => ({
      $type: 'com.atproto.repo.applyWrites#create', collection, rkey: `3jzfcijpj2z2${'abcdefghij'[n]}`, value: post(`batch ${n}`),
    })),
  })
  for (const r of batch.data.results) ops.push(['create', r.uri.split('/').pop(), r.cid])
  await repo.deleteRecord({ repo: did, collection, rkey })
  ops.push(['delete', rkey, undefined])
  await repo.deleteRecord({ repo: did, collection, rkey }) // again: nothing happens

  const like = (n) => agent.com.atproto.repo.createRecord({
    repo: did, collection: 'app.bsky.feed.like',
    record: { $type: 'app.bsky.feed.like', subject: { uri: batch.data.results[0].uri, cid: batch.data.results[0].cid }, createdAt: new Date(1700000000000 + n).toISOString() },
  })
  const one = await like(1)
  ops.push(['create', one.data.uri.split('/').pop(), one.data.cid])
  const two = await like(2) // takes the place of the first
  ops.push(['delete', one.data.uri.split('/').pop(), undefined], ['create', two.data.uri.split('/').pop(), two.data.cid])

  await refused(repo.putRecord({ repo: did, collection, rkey: 'x', record: { $type: collection, text: 1 } }), 'InvalidRequest', 'putRecord of an invalid post')
  await refused(repo.createRecord({ repo: 'did:plc:ewvi7nxzyoun6zhxrhs64oiz', collection, record: post('x') }), 'AccountNotFound', 'createRecord for nobody')
  await refused(repo.createRecord({ repo: 'alice.test', collection, record: post('x') }), 'AuthenticationRequired', 'createRecord for somebody else')
  await refused(repo.putRecord({ repo: did, collection, rkey: '3jzfcijpj2z2a', record: post('x'), swapRecord: created.data.cid }), 'InvalidSwap', 'putRecord with an old swap')

  // Reading.
  const list = []
  for (let cursor; ; ) {
    const page = await repo.listRecords({ repo: handle, collection, limit: 3, cursor })
    list.push(...page.data.records)
    cursor = page.data.cursor
    if (!cursor) break
  }
  check(list.length === 10, `listRecords: ${list.length} posts`)
  const got = await repo.getRecord({ repo: handle, collection, rkey: '3jzfcijpj2z2c' })
  check(got.data.value.text === 'batch 2' && got.data.cid === batch.data.results[2].cid, 'getRecord')
  await refused(repo.getRecord({ repo: did, collection, rkey }), 'RecordNotFound', 'getRecord of a deleted record')
  const description = await repo.describeRepo({ repo: handle })
  check(description.data.did === did && description.data.handleIsCorrect === true, 'describeRepo: identity')
  check(description.data.collections.join() === 'app.bsky.feed.like,app.bsky.feed.post', `describeRepo: ${description.data.collections}`)
  const resolved = await agent.com.atproto.identity.resolveHandle({ handle })
  check(resolved.data.did === did, 'resolveHandle')

  // Sessions.
  const again = new AtpAgent({ service: server })
  await again.login({ identifier: account.email, password: account.password })
  check(again.session.did === did, 'login by e-mail')
  await refused(new AtpAgent({ service: server }).login({ identifier: handle, password: 'wrong' }), 'AuthenticationRequired', 'login with a wrong password')
  const resumed = new AtpAgent({ service: server })
  await resumed.resumeSession(again.session)
  check(resumed.session.handle === handle, 'resumeSession')
  const before = resumed.session.refreshJwt
  await resumed.sessionManager.refreshSession()
  check(resumed.session.refreshJwt !== before, 'refreshSession: a new token')
  check((await resumed.com.atproto.server.getSession()).data.did === did, 'getSession after a refresh')

  const auth = await resumed.com.atproto.server.getServiceAuth({ aud: 'did:web:example.com', lxm: 'com.atproto.repo.getRecord' })
  const claims = JSON.parse(Buffer.from(auth.data.token.split('.')[1], 'base64url').toString())
  check(claims.iss === did && claims.aud === 'did:web:example.com' && claims.lxm === 'com.atproto.repo.getRecord', 'getServiceAuth: claims')

  await checkExport(agent, did, handle)
  await again.logout()
  await refused(again.com.atproto.server.getSession(), 'AuthMissing', 'getSession after logout')
}

// checkExport verifies the whole repository with the reference's own code.
async function checkExport(agent, did, handle) {
  const car = await agent.com.atproto.sync.getRepo({ did })
  const data = await resolver(server, plc).did.resolveAtprotoData(did)
  check(data.handle === handle && data.pds === server, `DID document: ${data.handle} at ${data.pds}`)
  const { root, blocks } = await readCarWithRoot(car.data)
  const verified = await verifyRepo(blocks, root, did, data.signingKey)
  check(verified.creates.length === 11, `getRepo: ${verified.creates.length} records`)
  const head = await agent.com.atproto.sync.getLatestCommit({ did })
  check(head.data.cid === root.toString(), 'getRepo: not the latest commit')
}

function compare(events, expected) {
  for (const [did, ops] of Object.entries(expected)) {
    const of = events.filter((e) => e.did === did)
    const count = (kind) => of.filter((e) => e.event === kind).length
    for (const kind of ['identity', 'account', 'sync']) check(count(kind) === 1, `${did}: ${count(kind)} #${kind}`)
    const seen = of.filter((e) => ['create', 'update', 'delete'].includes(e.event))
      .map((e) => `${e.event} ${e.rkey} ${e.cid ?? ''}`).sort()
    const want = ops.map(([action, rkey, cid]) => `${action} ${rkey} ${cid ?? ''}`).sort()
    check(seen.join('\n') === want.join('\n'), `${did}: operations\n--- firehose\n${seen.join('\n')}\n--- written\n${want.join('\n')}`)
    const identity = of.find((e) => e.event === 'identity')
    check(/^e2e\d+\.test$/.test(identity?.handle), `${did}: the firehose could not verify the handle (${identity?.handle})`)
  }
}

const accounts = 8
const stream = follow()
const expected = {}
await Promise.all(Array.from({ length: accounts }, (_, i) => useAccount(i, expected)))
const enough = () => stream.events.filter((e) => expected[e.did]).length >= Object.values(expected).reduce((n, ops) => n + ops.length + 3, 0)
for (let i = 0; i < 150 && !enough(); i++) await new Promise((r) => setTimeout(r, 100))
await new Promise((r) => setTimeout(r, 500)) // nothing more may come
await stream.stop()
compare(stream.events, expected)
for (const err of stream.errors) check(false, `firehose: ${err} ${err.cause ?? ''}`)
end(`${accounts} accounts, ${stream.events.length} events verified, ${stream.errors.length} firehose errors`)
