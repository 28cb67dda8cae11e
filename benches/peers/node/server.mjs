// @tus/server as its own documentation sets it up; prints "ready http://127.0.0.1:PORT".
//
//   node server.mjs file DIR      files in a folder
//   node server.mjs s3 BUCKET     S3, by the STRONGROOM_TEST_S3_… of tests/support/services
import http from 'node:http'
import { Server } from '@tus/server'

const [kind, place] = process.argv.slice(2)
const env = process.env

async function store() {
  if (kind === 'file') {
    const { FileStore } = await import('@tus/file-store')
    return new FileStore({ directory: place })
  }
  const { S3Store } = await import('@tus/s3-store')
  return new S3Store({
    partSize: 8 << 20,
    s3ClientConfig: {
      bucket: place,
      endpoint: env.STRONGROOM_TEST_S3_ENDPOINT,
      region: env.STRONGROOM_TEST_S3_REGION,
      forcePathStyle: true,
      credentials: {
        accessKeyId: env.STRONGROOM_TEST_S3_ACCESS_KEY,
        secretAccessKey: env.STRONGROOM_TEST_S3_SECRET_KEY,
      },
    },
  })
}

const tus = new Server({ path: '/files', datastore: await store() })
const server = http.createServer((request, response) => tus.handle(request, response))
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`))
