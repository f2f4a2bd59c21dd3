-- The part of Railway's GraphQL schema that the simulator answers: a subset of
-- the vendor's own, names and nullability included.

return [[
scalar DateTime scalar DeploymentMeta scalar EnvironmentVariables

enum DeploymentStatus {
  BUILDING CRASHED DEPLOYING FAILED INITIALIZING NEEDS_APPROVAL QUEUED REMOVED REMOVING SKIPPED SLEEPING SUCCESS WAITING
}
enum DeploymentInstanceStatus {
  CRASHED CREATED EXITED INITIALIZING REMOVED REMOVING RESTARTING RUNNING SKIPPED STOPPED
}
scalar DeploymentDiagnosis

type Query {
  projectToken: ProjectToken!
  me: User!
  project(id: String!): Project!
  projects(after: String, before: String, first: Int, last: Int, workspaceId: String): QueryProjectsConnection!
  environment(id: String!, projectId: String): Environment!
  environments(after: String, first: Int, isEphemeral: Boolean, projectId: String!): QueryEnvironmentsConnection!
  service(id: String!): Service!
  serviceInstance(environmentId: String!, serviceId: String!): ServiceInstance!
  deployment(id: String!): Deployment!
  deploymentSnapshot(deploymentId: String!): DeploymentSnapshot
  deployments(after: String, before: String, first: Int, input: DeploymentListInput!, last: Int): QueryDeploymentsConnection!
  variables(environmentId: String!, projectId: String!, serviceId: String, unrendered: Boolean): EnvironmentVariables!
  variablesForServiceDeployment(environmentId: String!, projectId: String!, serviceId: String!): EnvironmentVariables!
  deploymentLogs(deploymentId: String!, endDate: DateTime, filter: String, limit: Int, startDate: DateTime): [Log!]!
  buildLogs(deploymentId: String!, endDate: DateTime, filter: String, limit: Int, startDate: DateTime): [Log!]!
  environmentLogs(afterDate: String, afterLimit: Int, anchorDate: String, beforeDate: String, beforeLimit: Int,
    environmentId: String!, filter: String): [Log!]!
}

type Mutation {
  deploymentRollback(id: String!): Boolean!
  deploymentRedeploy(id: String!, usePreviousImageTag: Boolean): Deployment!
  deploymentCancel(id: String!): Boolean!
  deploymentStop(id: String!): Boolean!
  deploymentRestart(id: String!): Boolean!
  deploymentRemove(id: String!): Boolean!
  deploymentApprove(id: String!): Boolean!
  serviceInstanceDeployV2(commitSha: String, environmentId: String!, serviceId: String!): String!
  serviceInstanceRedeploy(environmentId: String!, serviceId: String!): Boolean!
  variableUpsert(input: VariableUpsertInput!): Boolean!
  variableCollectionUpsert(input: VariableCollectionUpsertInput!): Boolean!
  variableDelete(input: VariableDeleteInput!): Boolean!
}

type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }

type ProjectToken {
  createdAt: DateTime! displayToken: String! environment: Environment! environmentId: String! id: ID! name: String!
  project: Project! projectId: String!
}
type User { id: ID! name: String email: String! username: String }

type Project {
  id: ID! name: String! description: String createdAt: DateTime! updatedAt: DateTime! isPublic: Boolean!
  environments(after: String, before: String, first: Int, isEphemeral: Boolean, last: Int): ProjectEnvironmentsConnection!
  services(after: String, before: String, first: Int, last: Int): ProjectServicesConnection!
}
type QueryProjectsConnection { edges: [QueryProjectsConnectionEdge!]! pageInfo: PageInfo! }
type QueryProjectsConnectionEdge { cursor: String! node: Project! }
type ProjectEnvironmentsConnection { edges: [ProjectEnvironmentsConnectionEdge!]! pageInfo: PageInfo! }
type ProjectEnvironmentsConnectionEdge { cursor: String! node: Environment! }
type QueryEnvironmentsConnection { edges: [QueryEnvironmentsConnectionEdge!]! pageInfo: PageInfo! }
type QueryEnvironmentsConnectionEdge { cursor: String! node: Environment! }
type ProjectServicesConnection { edges: [ProjectServicesConnectionEdge!]! pageInfo: PageInfo! }
type ProjectServicesConnectionEdge { cursor: String! node: Service! }

type Environment {
  id: ID! name: String! projectId: String! isEphemeral: Boolean! canAccess: Boolean! createdAt: DateTime!
  updatedAt: DateTime! deletedAt: DateTime
  deploymentTriggers(after: String, before: String, first: Int, last: Int): EnvironmentDeploymentTriggersConnection!
  variables(after: String, before: String, first: Int, last: Int): EnvironmentVariablesConnection!
}
type EnvironmentVariablesConnection { edges: [EnvironmentVariablesConnectionEdge!]! pageInfo: PageInfo! }
type EnvironmentVariablesConnectionEdge { cursor: String! node: Variable! }
type Variable {
  createdAt: DateTime! environmentId: String id: ID! isSealed: Boolean! name: String! references: [String!]!
  serviceId: String updatedAt: DateTime!
}
type EnvironmentDeploymentTriggersConnection { edges: [EnvironmentDeploymentTriggersConnectionEdge!]! pageInfo: PageInfo! }
type EnvironmentDeploymentTriggersConnectionEdge { cursor: String! node: DeploymentTrigger! }
type DeploymentTrigger {
  branch: String! checkSuites: Boolean! environmentId: String! id: ID! projectId: String! provider: String!
  repository: String! serviceId: String validCheckSuites: Int!
}

type Service { id: ID! name: String! projectId: String! createdAt: DateTime! updatedAt: DateTime! deletedAt: DateTime icon: String }
type ServiceSource { image: String repo: String }
type ServiceInstance {
  id: ID! serviceId: String! serviceName: String! environmentId: String! healthcheckPath: String source: ServiceSource
  createdAt: DateTime! updatedAt: DateTime! latestDeployment: Deployment activeDeployments: [Deployment!]!
}

type Deployment {
  id: ID! status: DeploymentStatus! createdAt: DateTime! updatedAt: DateTime! statusUpdatedAt: DateTime
  canRedeploy: Boolean! canRollback: Boolean! deploymentStopped: Boolean! meta: DeploymentMeta url: String staticUrl: String
  snapshotId: String diagnosis: DeploymentDiagnosis environmentId: String! projectId: String! serviceId: String
  environment: Environment! service: Service! instances: [DeploymentDeploymentInstance!]! suggestAddServiceDomain: Boolean!
}
type DeploymentSnapshot { createdAt: DateTime! id: ID! updatedAt: DateTime! variables: EnvironmentVariables! }
type DeploymentDeploymentInstance { id: String! status: DeploymentInstanceStatus! }
type QueryDeploymentsConnection { edges: [QueryDeploymentsConnectionEdge!]! pageInfo: PageInfo! }
type QueryDeploymentsConnectionEdge { cursor: String! node: Deployment! }

type Log { timestamp: String! message: String! severity: String attributes: [LogAttribute!]! tags: LogTags }
type LogAttribute { key: String! value: String! }
type LogTags {
  deploymentId: String deploymentInstanceId: String environmentId: String projectId: String serviceId: String snapshotId: String
}

input DeploymentListInput {
  environmentId: String includeDeleted: Boolean projectId: String serviceId: String status: DeploymentStatusInput
}
input DeploymentStatusInput { in: [DeploymentStatus!] notIn: [DeploymentStatus!] }
input VariableUpsertInput {
  environmentId: String! name: String! projectId: String! serviceId: String skipDeploys: Boolean = false value: String!
}
input VariableCollectionUpsertInput {
  environmentId: String! projectId: String! replace: Boolean = false serviceId: String skipDeploys: Boolean = false
  variables: EnvironmentVariables!
}
input VariableDeleteInput { environmentId: String! name: String! projectId: String! serviceId: String }
]]
