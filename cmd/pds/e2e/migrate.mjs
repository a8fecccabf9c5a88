// An app moves an account from one server to another, as the documentation of
// the protocol tells apps to (account migration guide), with the agent of the
// reference, and then looks at it with the reference's own resolver and verifier.
//
//   node migrate.mjs FIRST SECOND PLC
import { AtpAgent } from '@atproto/api'
import { readCarWithRoot, verifyRepo } from '@atproto/repo'
import { check, end, post, refused, resolver, signUp } from './lib.mjs'
import { png } from './media.mjs'

const [first, second, plc] = process.argv.slice(2)
const name = 'appmover'
const carType = { encoding: 'application/vnd.ipld.car' }

// code waits for the newest mail to an address on a server's mailbox page.
async function code(server, address) {
  for (let tries = 0; tries < 100; tries++) {
    const list = await (await fetch(`${server}/dev/mail/`)).text()
    const number = list.match(new RegExp(`<td>${address}</td><td><a href="(\\d+)`))?.[1]
    const found = number && (await (await fetch(`${server}/dev/mail/${number}`)).text()).match(/\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/)?.[0]
    if (found) return found
    await new Promise((r) => setTimeout(r, 100))
  }
  throw new Error(`no mail to ${address}`)
}

const old = await signUp(first, name)
const { did } = old
for (let i = 0; i < 30; i++) await old.post({ text: `post ${i}` })
for (let i = 0; i < 3; i++) {
  const { data } = await old.uploadBlob(new Uint8Array(png(32 + i, 1, 2, i)), { encoding: 'image/png' })
  await old.post({ text: `picture ${i}`, embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] } })
}
await old.setAdultContentEnabled(true)
await old.setPersonalDetails({ birthDate: new Date('1990-01-02') })

// The account.
const moved = new AtpAgent({ service: second })
const { data: described } = await moved.com.atproto.server.describeServer()
const { data: vouched } = await old.com.atproto.server.getServiceAuth({ aud: described.did, lxm: 'com.atproto.server.createAccount' })
const handle = `${name}.b.test`
await moved.com.atproto.server.createAccount(
  { handle, email: `${name}@example.com`, password: 'password-moved', did },
  { headers: { authorization: `Bearer ${vouched.token}` }, encoding: 'application/json' },
)
await moved.login({ identifier: handle, password: 'password-moved' })
check(moved.did === did, `createAccount: ${moved.did}`)
const before = (await moved.com.atproto.server.checkAccountStatus()).data
check(!before.activated && !before.validDid, 'the new account is active before it has moved')
await refused(moved.com.atproto.repo.createRecord({ repo: did, collection: 'app.bsky.feed.post', record: post('too early') }), 'AccountDeactivated', 'createRecord before the move')

// What is in it.
const { data: car } = await old.com.atproto.sync.getRepo({ did })
await moved.com.atproto.repo.importRepo(car, carType)
let blobs = 0
for (let cursor; ; ) {
  const { data } = await moved.com.atproto.repo.listMissingBlobs({ cursor, limit: 2 })
  for (const { cid } of data.blobs) {
    const got = await old.com.atproto.sync.getBlob({ did, cid })
    await moved.com.atproto.repo.uploadBlob(got.data, { encoding: got.headers['content-type'] })
    blobs++
  }
  if (!(cursor = data.cursor)) break
}
check(blobs === 3, `${blobs} blobs were missing`)
const { data: preferences } = await old.app.bsky.actor.getPreferences()
await moved.app.bsky.actor.putPreferences({ preferences: preferences.preferences.filter((p) => p.$type !== 'app.bsky.actor.defs#declaredAgePref') })

// The identity.
await refused(moved.com.atproto.server.activateAccount(), 'InvalidRequest', 'activateAccount before the identity has moved')
await old.com.atproto.identity.requestPlcOperationSignature()
const { data: wanted } = await moved.com.atproto.identity.getRecommendedDidCredentials()
await refused(old.com.atproto.identity.signPlcOperation({ token: 'AAAAA-AAAAA', ...wanted }), 'InvalidToken', 'signPlcOperation with a wrong code')
const { data: signed } = await old.com.atproto.identity.signPlcOperation({ token: await code(first, `${name}@example.com`), ...wanted })
await refused(old.com.atproto.identity.submitPlcOperation(signed), 'InvalidRequest', 'submitPlcOperation on the wrong server')
await moved.com.atproto.identity.submitPlcOperation(signed)
await moved.com.atproto.server.activateAccount()
await old.com.atproto.server.deactivateAccount({})

// What the world sees.
const status = (await moved.com.atproto.server.checkAccountStatus()).data
check(status.activated && status.validDid && status.indexedRecords === 33 && status.importedBlobs === 3 && status.expectedBlobs === 3, JSON.stringify(status))
const seen = await resolver(second, plc).did.resolveAtprotoData(did, true)
check(seen.pds === second && seen.handle === handle, `the DID document: ${JSON.stringify(seen)}`)
const anybody = new AtpAgent({ service: second })
const { root, blocks } = await readCarWithRoot((await anybody.com.atproto.sync.getRepo({ did })).data)
const { creates } = await verifyRepo(blocks, root, did, seen.signingKey)
check(creates.length === 33, `${creates.length} records`)
const arrived = (await moved.app.bsky.actor.getPreferences()).data
check(JSON.stringify(arrived) === JSON.stringify(preferences), 'preferences')
await moved.post({ text: 'from the new server' })
await refused(old.post({ text: 'from the old server' }), 'AccountDeactivated', 'a post on the old server')
await refused(new AtpAgent({ service: first }).com.atproto.sync.getRepo({ did }), 'RepoDeactivated', 'getRepo on the old server')
end('an account moved by an app')
